"""A web server on this machine, for what is fetched from addresses."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """What the server answers, and what it was asked.

    Attributes:
        url: its address.
        files: content by path.
        moved: another URL by path.
        status: code by path, in place of an answer.
        cut: paths whose connection ends after half of the content.
        asked: the paths, in order.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)


@contextmanager
def serving() -> Iterator[Served]:
    """Serve until the block ends."""
    served = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            content = served.files.get(self.path, b"")
            if self.path in served.moved:
                self.send_response(302)
                self.send_header("Location", served.moved[self.path])
            else:
                self.send_response(served.status.get(self.path, 200 if self.path in served.files else 404))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if self.path in served.cut else content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

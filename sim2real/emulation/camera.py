"""An emulated camera: frames as MJPEG over HTTP on this machine, which OpenCV opens as it opens a network camera."""

import secrets
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np

from sim2real.errors import InputError

_QUALITY = 95
_WAIT = 1.0  # s for the next frame, after which the last one is not repeated
_PART = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"

Answer = Callable[[Mapping[str, str]], str]


class CameraServer:
    """Streams the latest frame; a wrong token is refused.

    Args:
        number: port on the loopback interface; 0: any that is free.
        answers: what else may be asked for, by name: a function of the query's values.

    Attributes:
        url: of the stream.
        frozen: repeat the last frame for ever.
        gone: give no frame any more.

    Raises:
        InputError: the port is in use.
    """

    def __init__(self, number: int = 0, answers: Mapping[str, Answer] | None = None) -> None:
        self._jpeg, self._count, self._new = b"", 0, threading.Condition()
        self.frozen, self.gone, self._going = False, False, True
        self._answers, self._token = dict(answers or {}), secrets.token_urlsafe(16)
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", number), self._handler())
        except OSError as error:
            raise InputError(
                f"port {number} of the camera cannot be opened ({error.strerror}): choose another"
            ) from None
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/{self._token}/camera.mjpg"
        threading.Thread(target=self._server.serve_forever, name="camera server", daemon=True).start()

    def show(self, frame: np.ndarray) -> None:
        """Stream a new frame (H, W, 3) uint8 RGB."""
        if self.gone:
            return
        if not self.frozen:
            done, data = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            assert done
            self._jpeg = data.tobytes()
        with self._new:
            self._count += 1
            self._new.notify_all()

    def address(self, name: str) -> str:
        """Return the address of something else that may be asked for."""
        return f"http://127.0.0.1:{self._server.server_port}/{self._token}/{name}"

    def close(self) -> None:
        """Stop the server; streams end."""
        self._going = False
        with self._new:
            self._new.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def _next(self, seen: int) -> tuple[int, bytes]:
        with self._new:
            self._new.wait_for(lambda: self._count != seen or not self._going, _WAIT)
            return self._count, self._jpeg

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: the token would be in the log."""

            def do_GET(self) -> None:
                asked = urlsplit(self.path)
                token, _, name = asked.path.lstrip("/").partition("/")
                if not secrets.compare_digest(token.encode(), server._token.encode()):
                    self.send_error(403, "wrong token")
                elif name == "camera.mjpg":
                    self._stream()
                elif name in server._answers:
                    self._say(server._answers[name]({k: v[0] for k, v in parse_qs(asked.query).items()}))
                else:
                    self.send_error(404)

            def _say(self, text: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(text.encode())

            def _stream(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                count = 0
                try:
                    while server._going:
                        before = count
                        count, jpeg = server._next(count)
                        if count != before and jpeg:
                            self.wfile.write(_PART % (len(jpeg), jpeg))
                except OSError:  # the viewer left
                    return

        return Handler

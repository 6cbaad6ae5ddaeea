"""Take a policy out of a zip archive: its three files and nothing else, whatever the archive says about paths."""

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from sim2real.errors import InputError
from sim2real.models.hashes import CONFIG, FILES, WEIGHTS


def unpack(archive: Path, folder: Path, most: int, name: str) -> None:
    """Write the policy's files into a folder, from the archive's top or from one folder inside it.

    Names inside the archive only choose among the three known names: no path of it is ever written to.

    Args:
        most: bytes of the largest file.
        name: name of the archive, for errors.

    Raises:
        InputError: not a zip archive, none or several policies in it, a link, an encrypted or too large file.
        OSError: writing failed.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            for member in _members(file, name):
                if stat.S_ISLNK(member.external_attr >> 16):
                    raise InputError(f"{name}: {member.filename} is a link, not a file")
                if member.flag_bits & 1:
                    raise InputError(f"{name}: {member.filename} is encrypted")
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise InputError(f"{name}: {member.filename} is compressed in another way than zip's own (deflate)")
                if member.file_size > most:
                    raise InputError(f"{name}: {member.filename} is larger than {most / 1e6:.0f} MB")
                # Not more than file_size is read, whatever the compressed data hold; a wrong checksum is an error.
                (folder / PurePosixPath(member.filename).name).write_bytes(file.read(member))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{name} is not a zip archive that can be read: {error}") from None


def _members(file: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    """Return the policy's files in an archive; raises InputError unless there is one of each."""
    places = [PurePosixPath(member.filename).parent for member in file.infolist() if _is(member, CONFIG)]
    if len(places) != 1:
        raise InputError(f"{name} has {len(places) or 'no'} {CONFIG}: it must hold one policy")
    wanted = {str(places[0] / each) for each in FILES}
    found = [member for member in file.infolist() if str(PurePosixPath(member.filename)) in wanted]
    if len({member.filename for member in found}) < len(found):
        raise InputError(f"{name} has a file twice")
    if not any(_is(member, WEIGHTS) for member in found):
        raise InputError(f"{name} has no {WEIGHTS} beside its {CONFIG}")
    return found


def _is(member: zipfile.ZipInfo, name: str) -> bool:
    return PurePosixPath(member.filename).name == name

"""Files and folders that are either complete or not there, whatever kills the writer; nothing here imports torch.

`sim2real.files.tensors`, which does, is imported by itself.
"""

from sim2real.files.atomic import json_bytes, read_json, read_versioned_json, write_file, write_json
from sim2real.files.folders import existing_folder, locked, new_folder, remove_folder, replaced_folder

__all__ = [
    "existing_folder",
    "json_bytes",
    "locked",
    "new_folder",
    "read_json",
    "read_versioned_json",
    "remove_folder",
    "replaced_folder",
    "write_file",
    "write_json",
]

"""Atomic files and folders: complete or absent, even if the writer is killed; nothing here imports torch.

`sim2real.files.tensors` does and must be imported separately.
"""

from sim2real.files.atomic import json_bytes, read_json, read_versioned_json, replaced_file, write_file, write_json
from sim2real.files.folders import existing_folder, folder_exists, locked, new_folder, remove_folder, replaced_folder

__all__ = [
    "existing_folder",
    "folder_exists",
    "json_bytes",
    "locked",
    "new_folder",
    "read_json",
    "read_versioned_json",
    "remove_folder",
    "replaced_file",
    "replaced_folder",
    "write_file",
    "write_json",
]

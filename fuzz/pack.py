#!/usr/bin/env python3
"""A folder's files as a ZIP file, the same bytes for the same files: pack.py FOLDER FILE"""
import pathlib
import sys
import zipfile

folder, file = map(pathlib.Path, sys.argv[1:])
with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for path in sorted(folder.iterdir()):
        archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_DEFLATED)

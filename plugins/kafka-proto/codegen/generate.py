#!/usr/bin/env python3
"""Generates the C++ codec of the Kafka messages: generate.py <folder of .msg files> <output folder> [--fixtures]

Without --fixtures: <message>.h and .cc per message file, api_table.h and .cc. With it: message_fixtures.h and
message_fields.h for the tests. Run by CMake. Files that would not change are left alone, so that nothing is compiled in vain.
"""

import argparse
import pathlib
import sys

import emit_fields
import emit_fixtures
import emit_header
import emit_source
import emit_table
import schema


def write(path, text):
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def codec(apis, out):
    for api in apis:
        (out / api.stem).parent.mkdir(exist_ok=True)
        write(out / f"{api.stem}.h", emit_header.emit(api))
        write(out / f"{api.stem}.cc", emit_source.emit(api))
    keyed = sorted((api for api in apis if api.name), key=lambda api: api.key)
    write(out / "api_table.h", emit_table.header(keyed))
    write(out / "api_table.cc", emit_table.source(keyed))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("schemas", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--fixtures", action="store_true", help="generate message_fixtures.h and message_fields.h instead of the codec")
    arguments = parser.parse_args()
    try:
        apis = schema.load(arguments.schemas)
        arguments.out.mkdir(parents=True, exist_ok=True)
        if arguments.fixtures:
            write(arguments.out / "message_fixtures.h", emit_fixtures.emit(apis))
            write(arguments.out / "message_fields.h", emit_fields.emit(apis))
        else:
            codec(apis, arguments.out)
    except (schema.SchemaError, ValueError, OSError) as error:
        sys.exit(f"generate.py: {error}")


if __name__ == "__main__":
    main()

# Answers for image-crit.test.ts with the modules that crit itself is made of; run by crit's own Python.
#   tables   what crit knows: messages, magics, maps of flags
#   images   a line of JSON for each line {"image": base64, "pretty": bool}: crit's JSON, and the bytes it makes of that
import base64
import io
import json
import os
import sys

import pycriu

sys.path.insert(0, os.path.join(os.path.dirname(pycriu.__file__), "images"))
import opts_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from pycriu.images import images, magic, pb, pb2dict

TYPES = {value: name[5:].lower() for name, value in vars(FieldDescriptor).items() if name.startswith("TYPE_")}
LABELS = {1: "optional", 2: "required", 3: "repeated"}


def field_of(field):
    options = field.GetOptions().Extensions[opts_pb2.criu]
    kind = TYPES[field.type]
    if field.message_type:
        kind = field.message_type.name
    if field.enum_type:
        kind = field.enum_type.name
    return {
        "name": field.name,
        "number": field.number,
        "label": LABELS[field.label],
        "type": kind,
        "show": {option.name: value for option, value in options.ListFields()},
    }


def tables():
    messages = {}
    enums = {}
    for item in vars(pb).values():
        if not (isinstance(item, type) and issubclass(item, Message)):
            continue
        descriptor = item.DESCRIPTOR
        messages[descriptor.name] = [field_of(field) for field in descriptor.fields]
        for field in descriptor.fields:
            if field.enum_type:
                enums[field.enum_type.name] = {v.name: v.number for v in field.enum_type.values}
    magics = {name: value & 0xFFFFFFFF for name, value in magic.by_name.items()}
    return {
        "messages": messages,
        "enums": enums,
        "magics": magics,
        "handled": sorted(images.handlers),
        "flags": {name: {flag: bit for flag, bit in table} for name, table in pb2dict.flags_maps.items()},
    }


def answer(request):
    image = images.load(io.BytesIO(base64.b64decode(request["image"])), request["pretty"])
    text = json.dumps(image, indent=4 if request["pretty"] else None)
    out = io.BytesIO()
    images.dump(json.loads(request.get("json", text)), out)
    return {"json": text, "image": base64.b64encode(out.getvalue()).decode()}


if sys.argv[1] == "tables":
    print(json.dumps(tables()))
else:
    for line in sys.stdin:
        try:
            print(json.dumps(answer(json.loads(line))))
        except Exception as error:
            print(json.dumps({"error": repr(error)}))

/** The table of messages as protobuf descriptors: made once, when the module is loaded. */
import { create, createFileRegistry, type DescField, type DescMessage } from '@bufbuild/protobuf';
import {
  FileDescriptorSetSchema,
  FieldDescriptorProto_Label as ProtoLabel,
  FieldDescriptorProto_Type as ProtoType,
} from '@bufbuild/protobuf/wkt';
import { ENUMS } from './enums.ts';
import { fieldsOf, MESSAGES, type MessageName, type TypeRef, typeRef } from './messages.ts';
import type { Field, Label, ScalarName, Show } from './schema.ts';

/** A field with all that is needed to read, write and show it. */
export interface FieldCodec {
  readonly name: string;
  readonly label: Label;
  readonly type: TypeRef;
  readonly show: Show;
  readonly desc: DescField;
}

export interface MessageCodec {
  readonly name: MessageName;
  readonly desc: DescMessage;
  /** By number, as they stand on the wire. */
  readonly fields: readonly FieldCodec[];
  readonly byName: ReadonlyMap<string, FieldCodec>;
  readonly byNumber: ReadonlyMap<number, FieldCodec>;
}

const FILE = 'drydock/images.proto';

const PROTO_LABELS: Readonly<Record<Label, ProtoLabel>> = {
  required: ProtoLabel.REQUIRED,
  optional: ProtoLabel.OPTIONAL,
  repeated: ProtoLabel.REPEATED,
};

const PROTO_TYPES: Readonly<Record<ScalarName, ProtoType>> = {
  uint32: ProtoType.UINT32,
  int32: ProtoType.INT32,
  sint32: ProtoType.SINT32,
  uint64: ProtoType.UINT64,
  int64: ProtoType.INT64,
  sint64: ProtoType.SINT64,
  fixed64: ProtoType.FIXED64,
  bool: ProtoType.BOOL,
  string: ProtoType.STRING,
  bytes: ProtoType.BYTES,
};

function protoType(type: TypeRef): { type: ProtoType; typeName?: string } {
  if (type.kind === 'scalar') return { type: PROTO_TYPES[type.name] };
  return { type: type.kind === 'enum' ? ProtoType.ENUM : ProtoType.MESSAGE, typeName: `.${type.name}` };
}

function protoField([name, field]: [string, Field]) {
  return {
    name,
    number: field.number,
    label: PROTO_LABELS[field.label],
    ...protoType(typeRef(field.type)),
  };
}

const names = Object.keys(MESSAGES) as MessageName[];

const registry = createFileRegistry(
  create(FileDescriptorSetSchema, {
    file: [
      {
        name: FILE,
        syntax: 'proto2',
        messageType: names.map((name) => ({ name, field: Object.entries(fieldsOf(name)).map(protoField) })),
        enumType: Object.entries(ENUMS).map(([name, values]) => ({
          name,
          value: Object.entries(values).map(([value, number]) => ({ name: value, number })),
        })),
      },
    ],
  }),
);

function messageCodec(name: MessageName): MessageCodec {
  const desc = registry.getMessage(name);
  if (!desc) throw new TypeError(`no descriptor was made of message ${name}`);
  const described = new Map(desc.fields.map((field) => [field.name, field]));
  const fields = Object.entries(fieldsOf(name))
    .sort(([, a], [, b]) => a.number - b.number)
    .map(([field, { label, type, show }]) => {
      const fieldDesc = described.get(field);
      if (!fieldDesc) throw new TypeError(`no descriptor was made of field ${name}.${field}`);
      return { name: field, label, type: typeRef(type), show, desc: fieldDesc };
    });
  return {
    name,
    desc,
    fields,
    byName: new Map(fields.map((field) => [field.name, field])),
    byNumber: new Map(fields.map((field) => [field.desc.number, field])),
  };
}

const codecs = new Map(names.map((name) => [name, messageCodec(name)]));

export function codecOf(name: MessageName): MessageCodec {
  const codec = codecs.get(name);
  if (!codec) throw new TypeError(`the table of messages has no message ${name}`);
  return codec;
}

/**
 * Checkpoint images in CRIU's format: messages, image files, their JSON view. Knows nothing of the model, and
 * runs in a browser too; directories on a disk are in directory.ts.
 */
export {
  decodeAs,
  decodeImage,
  type Entries,
  type EntriesInit,
  type Entry,
  type EntryInit,
  encodeImage,
  type Image,
} from './image.ts';
export { type JsonObject, type JsonValue, readJson, writeJson } from './json-text.ts';
export { imageFromJson, imageToJson, type ShowOptions } from './json-view.ts';
export { type ImageKind, KIND_NAMES, kindOfFile } from './kinds.ts';
export { imageSummary, listImages, showImage } from './listing.ts';
export { decodeMessage, encodeMessage } from './message.ts';
export type { EnumName, MessageInit, MessageName, MessageValue, ValueOf } from './messages.ts';

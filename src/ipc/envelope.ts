/**
 * Messages of the control socket: requests, responses, and the items of streams, each a JSON object on one line.
 *
 * The response to a request that cannot be parsed has a null `id`. A method with a stream sends any number of lines with
 * items before its response (item_stream.ts).
 */

import * as v from "valibot";
import type { SerializedError } from "../base/errors.ts";
import { count } from "./schema/fields.ts";

/** Maximum length of a request line in bytes, without its newline. */
export const MAX_REQUEST = 64 * 1024;
/** Maximum length of a response line in bytes. */
export const MAX_RESPONSE = 64 * 1024 * 1024;

const id = v.union([v.number(), v.pipe(v.string(), v.maxLength(64))]);

export const RequestSchema = v.object({
  id,
  method: v.pipe(v.string(), v.maxLength(64)),
  params: v.exactOptional(v.unknown()),
  /**
   * Inode of the network namespace in which the names of the request are looked up. Default: that of the parent, then
   * all others. Children in several namespaces may have the same name.
   */
  namespace: v.exactOptional(v.pipe(v.string(), v.regex(/^[0-9]{1,20}$/))),
});
export type Request = v.InferOutput<typeof RequestSchema>;

export type RequestId = Request["id"];

export type Response =
  | { id: RequestId | null; ok: true; result: unknown }
  | { id: RequestId | null; ok: false; error: SerializedError };

const SerializedErrorSchema = v.object({
  code: v.string(),
  message: v.string(),
  errno: v.exactOptional(v.number()),
  hint: v.exactOptional(v.string()),
});

/** A message to a client: a response, or items of a stream and the number of items before them that were dropped. */
export const ReplySchema = v.union([
  v.object({
    id: v.nullable(id),
    ok: v.literal(true),
    result: v.exactOptional(v.unknown()),
  }),
  v.object({
    id: v.nullable(id),
    ok: v.literal(false),
    error: SerializedErrorSchema,
  }),
  v.object({ id, items: v.array(v.unknown()), lost: v.exactOptional(count) }),
]);

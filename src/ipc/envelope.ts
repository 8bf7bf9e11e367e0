/**
 * What one line of the control socket may be: request, response or event, as JSON objects.
 *
 * A request that cannot be read as one is answered with `id` null.
 */

import * as v from "valibot";
import type { SerializedError } from "../base/errors.ts";

/** Bytes of the longest request line, without its newline. */
export const MAX_REQUEST = 64 * 1024;
/** Bytes of the longest response line that a client takes. */
export const MAX_RESPONSE = 64 * 1024 * 1024;

const id = v.union([v.number(), v.pipe(v.string(), v.maxLength(64))]);

export const RequestSchema = v.object({
  id,
  method: v.pipe(v.string(), v.maxLength(64)),
  params: v.exactOptional(v.unknown()),
});
export type Request = v.InferOutput<typeof RequestSchema>;

export type RequestId = Request["id"];

export type Response =
  | { id: RequestId | null; ok: true; result: unknown }
  | { id: RequestId | null; ok: false; error: SerializedError };

export interface Event {
  event: string;
  data: unknown;
}

const SerializedErrorSchema = v.object({
  code: v.string(),
  message: v.string(),
  errno: v.exactOptional(v.number()),
  hint: v.exactOptional(v.string()),
});

/** What a client may receive. */
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
  v.object({ event: v.string(), data: v.exactOptional(v.unknown()) }),
]);

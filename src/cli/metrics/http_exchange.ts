/**
 * One HTTP exchange of the metrics server: GET only, one request on a connection, without a body (RFC 9112).
 *
 * The request head has a limit in bytes, so that a client determines neither memory nor work. The connection is closed
 * after the response.
 */

import { type Format, MEDIA_TYPES } from "./exposition.ts";

/** Maximum length of a request head, in bytes. */
export const MAX_HEAD_BYTES = 8192;

/** What the server does with a request. */
export type Request =
  /** Reply with the metrics. */
  | { readonly metrics: Format }
  /** Reply with this status. */
  | { readonly status: number; readonly text: string };

const STATUS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

const encoder = new TextEncoder();

/** Parses the head of a request, without the empty line at its end. */
function parseRequest(head: string): Request {
  const [line = "", ...fields] = head.split("\r\n");
  const match = /^([A-Z]+) (\S+) HTTP\/1\.[01]$/.exec(line);
  if (!match) return { status: 400, text: "This is not an HTTP/1 request" };
  const [, method, target = ""] = match;
  if (method !== "GET") {
    return { status: 405, text: "Only GET is supported" };
  }
  const path = target.split("?")[0];
  if (path === "/") return { status: 200, text: "ipoib: see /metrics" };
  if (path !== "/metrics") {
    return { status: 404, text: "Only /metrics is served" };
  }
  return { metrics: formatFor(fields) };
}

/** Returns OpenMetrics if the client accepts it, else the older format, as Prometheus negotiates them. */
function formatFor(fields: readonly string[]): Format {
  const accepts = fields.some((field) =>
    /^accept:.*application\/openmetrics-text/i.test(field)
  );
  return accepts ? "openmetrics" : "prometheus";
}

/** Returns the bytes of a response with a text as its body. */
export function response(
  status: number,
  text: string,
  type = MEDIA_TYPES.prometheus,
): Uint8Array {
  const body = encoder.encode(text);
  const head = [
    `HTTP/1.1 ${status} ${STATUS[status]}`,
    `Content-Type: ${type}`,
    `Content-Length: ${body.length}`,
    "Cache-Control: no-store",
    ...(status === 405 ? ["Allow: GET"] : []),
    "Connection: close",
    "\r\n",
  ];
  const bytes = encoder.encode(head.join("\r\n"));
  const all = new Uint8Array(bytes.length + body.length);
  all.set(bytes);
  all.set(body, bytes.length);
  return all;
}

/**
 * Reads a request head from a connection. Returns undefined if the client closes it first, and a {@linkcode Request}
 * with status 431 if the head is too long.
 */
export async function readRequest(
  connection: Pick<Deno.Conn, "read">,
): Promise<Request | undefined> {
  const buffer = new Uint8Array(MAX_HEAD_BYTES);
  let length = 0;
  while (length < buffer.length) {
    const read = await connection.read(buffer.subarray(length));
    if (read === null) return undefined;
    length += read;
    const text = latin1(buffer.subarray(0, length));
    const end = text.indexOf("\r\n\r\n");
    if (end >= 0) return parseRequest(text.slice(0, end));
  }
  return { status: 431, text: "The request head is too long" };
}

/** Each byte is one character, so a request in any encoding has a result. */
function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

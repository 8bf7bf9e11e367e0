/** The HTTP server of metrics. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { patient } from "../../../scripts/machine.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { MAX_HEAD_BYTES } from "../../../src/cli/metrics/http_exchange.ts";
import {
  listenAddressText,
  parseListenAddress,
} from "../../../src/cli/metrics/listen_address.ts";
import {
  MAX_CONNECTIONS,
  MetricsServer,
  type MetricsServerOptions,
} from "../../../src/cli/metrics/metrics_server.ts";
import { namesIn } from "../../e2e/harness/files.ts";
import { pause, until } from "../../e2e/harness/until.ts";

const LOCAL = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;
/** The end of a request line, and the other lines of a head. */
const END = "HTTP/1.1\r\nHost: localhost\r\n\r\n";
const FAMILY = {
  name: "ipoib_x",
  type: "counter",
  help: "X.",
  samples: [{ labels: {}, value: 1 }],
} as const;

/** Runs `use` with a server. */
async function serving(
  use: (address: Deno.NetAddr, server: MetricsServer) => Promise<void>,
  options: Partial<MetricsServerOptions> = {},
): Promise<void> {
  const server = await MetricsServer.listen(LOCAL, {
    collect: () => Promise.resolve([FAMILY]),
    ...options,
  });
  try {
    await use(server.address as Deno.NetAddr, server);
  } finally {
    server.close();
    await server.closed;
  }
}

/** Sends a text and returns the reply, until the server closes the connection. */
async function exchange(address: Deno.NetAddr, text: string): Promise<string> {
  using connection = await Deno.connect({ port: address.port });
  await connection.write(new TextEncoder().encode(text));
  return await replyOf(connection);
}

async function replyOf(connection: Deno.Conn): Promise<string> {
  return await new Response(connection.readable).text().catch(() => "");
}

Deno.test("GET /metrics returns the metrics in the format that the client accepts", async () => {
  await serving(async ({ port }) => {
    const url = `http://127.0.0.1:${port}/metrics`;
    const plain = await fetch(url);
    assertEquals(plain.status, 200);
    assertMatch(plain.headers.get("content-type")!, /^text\/plain; version=0/);
    assertEquals(
      await plain.text(),
      "# HELP ipoib_x_total X.\n# TYPE ipoib_x_total counter\nipoib_x_total 1\n",
    );
    const accept =
      "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2";
    const open = await fetch(url, { headers: { accept } });
    assertMatch(open.headers.get("content-type")!, /^application\/openmetrics/);
    assertMatch(await open.text(), /# EOF\n$/);
  });
});

Deno.test("other methods and paths are refused, and invalid and long requests", async () => {
  await serving(async (address) => {
    const status = async (text: string) =>
      (await exchange(address, text)).split("\r\n")[0];
    const cases: [string, string][] = [
      [`POST /metrics ${END}`, "HTTP/1.1 405 Method Not Allowed"],
      [`GET /secret ${END}`, "HTTP/1.1 404 Not Found"],
      [`GET / ${END}`, "HTTP/1.1 200 OK"],
      ["\0\0\0\xff nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request"],
      [
        `GET / HTTP/1.1\r\nX: ${"x".repeat(MAX_HEAD_BYTES)}`,
        "HTTP/1.1 431 Request Header Fields Too Large",
      ],
    ];
    for (const [request, expected] of cases) {
      assertEquals(await status(request), expected);
    }
  });
});

Deno.test("a client that sends nothing is closed after the limit, and others are served meanwhile", async () => {
  await serving(async (address) => {
    using silent = await Deno.connect({ port: address.port });
    const reply = await exchange(address, "GET /metrics HTTP/1.0\r\n\r\n");
    assertMatch(reply, /200 OK/);
    assertEquals(await replyOf(silent), "");
  }, { limitMs: 300 });
});

Deno.test("a client that does not read the reply is closed after the limit", async () => {
  const families = [{ ...FAMILY, help: "x".repeat(50_000_000) }];
  await serving(async (address) => {
    using client = await Deno.connect({ port: address.port });
    await client.write(new TextEncoder().encode(`GET /metrics ${END}`));
    await pause(patient(600));
    const received = (await replyOf(client)).length;
    assert(received < 50_000_000, `${received} bytes`);
  }, { limitMs: 300, collect: () => Promise.resolve(families) });
});

Deno.test("a connection has one request", async () => {
  await serving(async (address) => {
    const replies = await exchange(address, `GET / ${END}`.repeat(100));
    assertEquals(replies.split("HTTP/1.1 200 OK").length, 2);
  });
});

Deno.test("close() ends the server and its connections at once, also during a collection", async () => {
  const collection = Promise.withResolvers<[]>();
  let collections = 0;
  await serving(async (address, server) => {
    using silent = await Deno.connect({ port: address.port });
    using waiting = await Deno.connect({ port: address.port });
    await waiting.write(new TextEncoder().encode(`GET /metrics ${END}`));
    await until("a collection", () => collections > 0);
    server.close();
    await server.closed;
    const replies = await Promise.all([silent, waiting].map(replyOf));
    assertEquals(replies, ["", ""]);
    collection.resolve([]);
  }, { collect: () => (collections++, collection.promise) });
});

Deno.test("connections beyond the limit are closed", async () => {
  await serving(async (address) => {
    const held = [];
    for (let i = 0; i < MAX_CONNECTIONS; i++) {
      held.push(await Deno.connect({ port: address.port }));
    }
    const refused = await exchange(address, `GET /metrics ${END}`)
      .catch(() => "");
    assertEquals(refused, "");
    held.forEach((each) => each.close());
  });
});

Deno.test("one collection serves all requests that arrive while it runs", async () => {
  const collection = Promise.withResolvers<[]>();
  let collections = 0;
  await serving(async ({ port }) => {
    const url = `http://127.0.0.1:${port}/metrics`;
    const replies = [fetch(url), fetch(url), fetch(url)];
    await until("a collection", () => collections > 0);
    await pause(100);
    assertEquals(collections, 1);
    collection.resolve([]);
    for (const reply of await Promise.all(replies)) {
      assertEquals([reply.status, await reply.text()], [200, ""]);
    }
  }, { collect: () => (collections++, collection.promise) });
});

Deno.test("an error of the collection is status 503 with its text", async () => {
  await serving(async ({ port }) => {
    const reply = await fetch(`http://127.0.0.1:${port}/metrics`);
    assertEquals([reply.status, await reply.text()], [503, "No permission\n"]);
  }, {
    collect: () => Promise.reject(new IpoibError("E_X", "No permission")),
  });
});

Deno.test("a Unix socket replaces a stale one, not a live one, and is removed", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/metrics.sock`;
  const at = { transport: "unix", path } as const;
  const options = { collect: () => Promise.resolve([]) };
  try {
    const leave = `Deno.listen({transport:"unix",path:${
      JSON.stringify(path)
    }});Deno.exit(0)`;
    await new Deno.Command(Deno.execPath(), { args: ["eval", leave] }).output();
    const server = await MetricsServer.listen(at, options);
    const error = await assertRejects(() => MetricsServer.listen(at, options));
    assertEquals(IpoibError.from(error).code, "E_LISTEN");
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o660);
    using connection = await Deno.connect(at);
    await connection.write(
      new TextEncoder().encode(`GET /metrics ${END}`),
    );
    assertMatch(await replyOf(connection), /^HTTP\/1.1 200 OK/);
    server.close();
    await server.closed;
    assertEquals(namesIn(folder), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("addresses to listen on", () => {
  const round = (text: string) => {
    const address = parseListenAddress(text);
    return listenAddressText(address);
  };
  for (const text of ["unix:/run/x.sock", "127.0.0.1:9788", "[::1]:80"]) {
    assertEquals(round(text), text);
  }
  for (const text of [":9788", "9788", "unix:", "host", "::1:80", "h:70000"]) {
    let code = "";
    try {
      parseListenAddress(text);
    } catch (error) {
      code = IpoibError.from(error).code;
    }
    assertEquals(code, "E_USAGE", text);
  }
});

/** Limits on the resources that clients of a control socket use. */

import { assert, assertEquals } from "@std/assert";
import { IpcClient } from "../../src/ipc/client.ts";
import { writeAll } from "../../src/ipc/framing.ts";
import { type IpcLimits, LIMITS } from "../../src/ipc/limits.ts";
import { type Handlers, IpcServer } from "../../src/ipc/server.ts";
import { patient } from "../../scripts/machine.ts";
import { assertAnswers, probe } from "./probe.ts";

const REQUEST = '{"id":1,"method":"get","params":{"name":"ib0","file":"x"}}\n';
const MB = 1 << 20;

const large = (bytes: number): Handlers => ({
  ...probe,
  get: () => ({ value: "x".repeat(bytes) }),
});

/** Runs `fn` with a server that has these limits. */
async function withServer(
  handlers: Handlers,
  limits: Partial<IpcLimits>,
  fn: (server: IpcServer) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  const server = await IpcServer.listen(
    `${directory}/ib0.sock`,
    "ib0",
    handlers,
    { ...LIMITS, ...limits },
  );
  try {
    await fn(server);
  } finally {
    await server.close();
    await Deno.remove(directory, { recursive: true });
  }
}

function connect(server: IpcServer): Promise<Deno.UnixConn> {
  return Deno.connect({ transport: "unix", path: server.path });
}

/** Sends requests without reading the replies; ignores write errors. */
function sendRequests(conn: Deno.UnixConn, requests: number): void {
  const bytes = new TextEncoder().encode(REQUEST.repeat(requests));
  void writeAll(conn, bytes).catch(() => {});
}

/** Returns everything that the server sends until it closes the connection. */
async function readToEnd(conn: Deno.UnixConn): Promise<string> {
  let text = "";
  const chunk = new Uint8Array(65536);
  for (;;) {
    const length = await conn.read(chunk).catch(() => null);
    if (length === null) break;
    text += new TextDecoder().decode(chunk.subarray(0, length));
  }
  conn.close();
  return text;
}

/** Polls until the condition is true. */
async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + patient(5000);
  while (!condition()) {
    assert(performance.now() < end, "the condition did not come true");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("the server disconnects a client that does not read its replies", async () => {
  await withServer(large(MB), {}, async (server) => {
    const conn = await connect(server);
    sendRequests(conn, 1000);
    await until(() => server.ended.unread === 1);
    assert(server.unsent <= LIMITS.unsent + MB, `${server.unsent} bytes`);
    await readToEnd(conn);
    using client = await IpcClient.connect(server.path, "ib0");
    await assertAnswers(client);
  });
});

Deno.test("300 clients that do not read stay within the byte limit, and a further client is served", async () => {
  await withServer(large(200_000), {}, async (server) => {
    const conns: Deno.UnixConn[] = [];
    let highest = 0;
    for (let i = 0; i < 300; i++) {
      const conn = await connect(server);
      conns.push(conn);
      sendRequests(conn, 64);
      highest = Math.max(highest, server.unsent);
      if (i % 50 === 0) {
        using client = await IpcClient.connect(server.path, "ib0");
        await assertAnswers(client);
      }
    }
    for (let i = 0; i < 20; i++) {
      using client = await IpcClient.connect(server.path, "ib0");
      await assertAnswers(client);
      highest = Math.max(highest, server.unsent);
    }
    assert(highest <= LIMITS.totalUnsent, `${highest} bytes unsent`);
    assert(server.ended.evicted + server.ended.unread > 200);
    for (const conn of conns) conn.close();
  });
});

Deno.test("at the connection limit the server disconnects the client that was idle longest, with E_IPC_BUSY", async () => {
  const called = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  await withServer(
    {
      ...probe,
      wait: async () => {
        called.resolve();
        await gate.promise;
        return {};
      },
    },
    { connections: 4, idleMs: 0 },
    async (server) => {
      using waiting = await IpcClient.connect(server.path, "ib0");
      const answer = waiting.call("wait", {}, { timeout: Infinity });
      await called.promise;
      const conns: Deno.UnixConn[] = [];
      for (let i = 0; i < 3; i++) conns.push(await connect(server));
      const first = readToEnd(conns[0]!);
      const others = conns.slice(1).map(readToEnd);
      using client = await IpcClient.connect(server.path, "ib0");
      await assertAnswers(client);
      assertEquals(JSON.parse(await first).error.code, "E_IPC_BUSY");
      assertEquals(server.ended.evicted, 1);
      gate.resolve();
      await answer;
      await server.close();
      await Promise.all(others);
    },
  );
});

Deno.test("at the connection limit the most recently active client stays if all others wait for replies", async () => {
  await withServer(
    {
      ...probe,
      wait: (_params, { signal }) =>
        new Promise((resolve) =>
          signal.addEventListener(
            "abort",
            () => resolve({}),
          )
        ),
    },
    // No connection ever counts as idle.
    { connections: 4, idleMs: Infinity },
    async (server) => {
      const waiting: IpcClient[] = [];
      const calls: Promise<unknown>[] = [];
      const waitOnce = async () => {
        const client = await IpcClient.connect(server.path, "ib0");
        waiting.push(client);
        calls.push(
          client.call("wait", {}, { timeout: Infinity }).catch(() => {}),
        );
        await client.call("nothing" as never, {} as never).catch(() => {});
      };
      for (let i = 0; i < 4; i++) await waitOnce();
      using client = await IpcClient.connect(server.path, "ib0");
      await assertAnswers(client);
      for (let i = 0; i < 3; i++) await waitOnce();
      await assertAnswers(client);
      for (const each of waiting) each.close();
      await Promise.all(calls);
    },
  );
});

Deno.test("the server disconnects a client whose request stays incomplete", async () => {
  await withServer(probe, { requestMs: 50 }, async (server) => {
    const conn = await connect(server);
    const bytes = new TextEncoder().encode(
      '{"id":1,"method":"coalesce.get"}\n{"id":2',
    );
    await writeAll(conn, bytes);
    const [answer, refusal] = (await readToEnd(conn)).split("\n");
    assertEquals(JSON.parse(answer!).ok, true);
    assertEquals(JSON.parse(refusal!).error.code, "E_IPC_INCOMPLETE");
    assertEquals(server.ended.incomplete, 1);
  });
});

Deno.test("the server keeps an idle client without an incomplete request", async () => {
  await withServer(probe, { requestMs: 20 }, async (server) => {
    using client = await IpcClient.connect(server.path, "ib0");
    await assertAnswers(client);
    await new Promise((resolve) => setTimeout(resolve, 80));
    await assertAnswers(client);
  });
});

Deno.test("a reply longer than the limit on unsent bytes reaches a client that reads", async () => {
  await withServer(large(20 * MB), {}, async (server) => {
    using client = await IpcClient.connect(server.path, "ib0");
    for (let i = 0; i < 3; i++) {
      const { value } = await client.call("get", { name: "ib0", file: "x" });
      assertEquals(value.length, 20 * MB);
    }
    assertEquals(server.ended.unread, 0);
    assertEquals(server.unsent, 0);
  });
});

Deno.test("a reply over 64 MiB is replaced by E_IPC_TOO_LARGE", async () => {
  await withServer(large(65 * MB), {}, async (server) => {
    using client = await IpcClient.connect(server.path, "ib0");
    const code = await client.call("get", { name: "ib0", file: "x" })
      .catch((error) => error.code);
    assertEquals(code, "E_IPC_TOO_LARGE");
  });
});

Deno.test("over the limit for all clients the server disconnects the client that has not read for the longest time", async () => {
  const limits = { totalUnsent: 3 * MB };
  await withServer(large(MB), limits, async (server) => {
    const silent: Deno.UnixConn[] = [];
    for (let i = 0; i < 3; i++) {
      const conn = await connect(server);
      silent.push(conn);
      sendRequests(conn, 1);
      await until(() => server.unsent > i * 0.7 * MB);
    }
    using client = await IpcClient.connect(server.path, "ib0");
    const { value } = await client.call("get", { name: "ib0", file: "x" });
    assertEquals(value.length, MB);
    assert(server.unsent <= limits.totalUnsent);
    assertEquals(server.ended.unread, 1);
    for (const conn of silent) conn.close();
  });
});

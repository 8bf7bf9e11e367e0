import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { IpoibError } from "../../src/base/errors.ts";
import { IpcClient } from "../../src/ipc/client.ts";
import { writeAll } from "../../src/ipc/framing.ts";
import { LIMITS } from "../../src/ipc/limits.ts";
import { type Handlers, IpcServer } from "../../src/ipc/server.ts";
import { assertAnswers, probe } from "./probe.ts";
import { link, subnet } from "./records.ts";

/** Runs `fn` with a server in a temporary directory. */
async function withServer(
  handlers: Handlers,
  fn: (server: IpcServer, directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/netns/12/ib0.sock`;
  const server = await IpcServer.listen(path, "ib0", handlers);
  try {
    await fn(server, directory);
  } finally {
    await server.close();
    await Deno.remove(directory, { recursive: true });
  }
}

/** Sends bytes and reads until the server closes the connection or has sent `lines` lines. Returns the parsed lines. */
async function raw(path: string, bytes: Uint8Array | string, lines = Infinity) {
  const conn = await Deno.connect({ transport: "unix", path });
  const data = typeof bytes === "string"
    ? new TextEncoder().encode(bytes)
    : bytes;
  // The write fails if the server closes the connection first.
  const writing = writeAll(conn, data).catch(() => {});
  let text = "";
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(65536);
  while (text.split("\n").length - 1 < lines) {
    const length = await conn.read(chunk).catch(() => null);
    if (length === null) break;
    text += decoder.decode(chunk.subarray(0, length), { stream: true });
  }
  conn.close();
  await writing;
  return text.split("\n").filter((line) => line !== "").map((line) =>
    JSON.parse(line)
  );
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, IpoibError)).code;
}

Deno.test("IpcClient.call() returns the result of the handler", async () => {
  const seen: unknown[] = [];
  await withServer({
    ...probe,
    "link.show": (params) => {
      seen.push(params);
      return [link];
    },
    "subnet.show": () => Promise.resolve(subnet),
  }, async (server) => {
    using client = await IpcClient.connect(server.path, "ib0");
    await assertAnswers(client);
    assertEquals(await client.call("link.show", { name: "ib0" }), [link]);
    assertEquals(await client.call("subnet.show", {}), subnet);
  });
  assertEquals(seen, [{ name: "ib0" }]);
});

Deno.test("IpcClient.call() throws the error of the handler with errno and hint", async () => {
  await withServer({
    "child.create": () => {
      throw new IpoibError("E_CHILD", "P_Key is in use", {
        errno: 76,
        hint: "choose another",
      });
    },
    stats: () => {
      throw new Error("boom");
    },
    // A BigInt cannot be serialized.
    get: () => ({ value: 5n as unknown as string }),
    "coalesce.get": () => ({ "rx-usecs": 1 }) as never,
  }, async (server) => {
    using client = await IpcClient.connect(server.path, "ib0");
    const error = await assertRejects(
      () => client.call("child.create", { pkey: 1 }),
      IpoibError,
      "P_Key is in use",
    );
    assertEquals([error.code, error.errno, error.hint], [
      "E_CHILD",
      76,
      "choose another",
    ]);
    assertEquals(await codeOf(client.call("stats", {})), "E_INTERNAL");
    const file = { name: "ib0", file: "mtu" };
    assertEquals(await codeOf(client.call("get", file)), "E_INTERNAL");
    assertEquals(await codeOf(client.call("wait", {})), "E_IPC_METHOD");
    assertEquals(await codeOf(client.call("coalesce.get", {})), "E_IPC_RESULT");
  });
});

Deno.test("IpcServer names the invalid parameter", async () => {
  await withServer({ ...probe, down: () => ({}) }, async (server) => {
    using client = await IpcClient.connect(server.path, "ib0");
    const error = await assertRejects(
      () => client.call("down", { name: "a/b" }),
      IpoibError,
      '"name" of down',
    );
    assertEquals(error.code, "E_IPC_PARAMS");
    await assertRejects(
      () => client.call("coalesce.get", { verbose: true } as never),
      IpoibError,
      '"verbose" of coalesce.get',
    );
  });
});

Deno.test("IpcServer runs requests of one connection concurrently", async () => {
  const gate = Promise.withResolvers<void>();
  await withServer({
    ...probe,
    wait: async () => {
      await gate.promise;
      return {};
    },
  }, async (server) => {
    using client = await IpcClient.connect(server.path, "ib0");
    const waiting = client.call("wait", {}, { timeout: Infinity });
    await assertAnswers(client);
    gate.resolve();
    await waiting;
  });
});

Deno.test("IpcServer serves many clients concurrently", async () => {
  await withServer(
    { "get": ({ file }) => ({ value: file }) },
    async (server) => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
          using client = await IpcClient.connect(server.path, "ib0");
          const calls = Array.from(
            { length: 100 },
            (_, j) => client.call("get", { name: "ib0", file: `${i}.${j}` }),
          );
          return (await Promise.all(calls)).map(({ value }) => value);
        }),
      );
      answers.forEach((values, i) =>
        assertEquals(values, Array.from({ length: 100 }, (_, j) => `${i}.${j}`))
      );
    },
  );
});

Deno.test("IpcServer refuses invalid requests and continues", async () => {
  await withServer(probe, async (server) => {
    const replies = await raw(
      server.path,
      [
        "not json",
        "[]",
        '{"id":1}',
        '{"id":{},"method":"coalesce.get"}',
        '{"id":2,"method":"__proto__"}',
        '{"id":3,"method":"coalesce.get","params":7}',
        '{"id":"x","method":"coalesce.get"}',
        "",
      ].join("\n"),
      7,
    );
    const short = replies.map((r) => [r.id, r.ok ? "ok" : r.error.code]);
    const compare = (a: unknown, b: unknown) => String(a) < String(b) ? -1 : 1;
    assertEquals(
      short.sort(compare),
      [
        [null, "E_IPC_JSON"],
        [null, "E_IPC_REQUEST"],
        [null, "E_IPC_REQUEST"],
        [null, "E_IPC_REQUEST"],
        [2, "E_IPC_METHOD"],
        [3, "E_IPC_PARAMS"],
        ["x", "ok"],
      ].sort(compare),
    );
  });
});

Deno.test("IpcServer replies to any JSON and to any bytes", async () => {
  await withServer({ ...probe, "link.show": () => [link] }, async (server) => {
    const json = fc.sample(fc.jsonValue(), 300).map((value) =>
      JSON.stringify(value)
    );
    const calls = fc.sample(
      fc.record({
        id: fc.oneof(fc.nat(), fc.string(), fc.jsonValue()),
        method: fc.constantFrom("coalesce.get", "link.show", "set", "x"),
        params: fc.jsonValue(),
      }),
      300,
    ).map((value) => JSON.stringify(value));
    const all = [...json, ...calls];
    const replies = await raw(server.path, `${all.join("\n")}\n`, all.length);
    assertEquals(replies.length, all.length);
    for (const bytes of fc.sample(fc.uint8Array({ minLength: 1 }), 50)) {
      // 0x21 avoids an empty line, which has no reply.
      const [reply] = await raw(
        server.path,
        Uint8Array.of(0x21, ...bytes, 0x0a),
        1,
      );
      assertEquals(reply.error.code, "E_IPC_JSON");
    }
    using client = await IpcClient.connect(server.path, "ib0");
    await assertAnswers(client);
  });
});

Deno.test("IpcServer refuses a line over 64 KiB and closes the connection", async () => {
  await withServer(probe, async (server) => {
    const before = '{"id":1,"method":"coalesce.get"}\n';
    const replies = await raw(server.path, before + "x".repeat(200_000));
    assertEquals(replies.map((r) => r.id), [1, null]);
    assertEquals(replies[1].error.code, "E_IPC_TOO_LARGE");

    const padding = " ".repeat(65536 - before.length + 1);
    const full = `{"id":1,${padding}"method":"coalesce.get"}\n`;
    assertEquals(full.length, 65537);
    assertEquals((await raw(server.path, full, 1))[0].ok, true);

    using client = await IpcClient.connect(server.path, "ib0");
    await assertAnswers(client);
  });
});

Deno.test("IpcClient.call() refuses to send more than 64 KiB", async () => {
  await withServer(probe, async (server) => {
    using client = await IpcClient.connect(server.path, "ib0");
    const long = { name: "ib0", file: "x".repeat(70_000) };
    assertEquals(await codeOf(client.call("get", long)), "E_IPC_TOO_LARGE");
    await assertAnswers(client);
  });
});

Deno.test("IpcClient.call() throws E_IPC_TIMEOUT after its timeout", async () => {
  await withServer({
    wait: (_params, { signal }) =>
      new Promise((resolve) =>
        signal.addEventListener(
          "abort",
          () => resolve({}),
        )
      ),
  }, async (server) => {
    using client = await IpcClient.connect(server.path, "ib0");
    assertEquals(
      await codeOf(client.call("wait", {}, { timeout: 20 })),
      "E_IPC_TIMEOUT",
    );
  });
});

Deno.test("IpcServer aborts the signal of a handler when its client disconnects", async () => {
  const gone = Promise.withResolvers<void>();
  const called = Promise.withResolvers<void>();
  await withServer({
    wait: async (_params, { signal }) => {
      signal.addEventListener("abort", () => gone.resolve());
      called.resolve();
      await gone.promise;
      return {};
    },
  }, async (server) => {
    const client = await IpcClient.connect(server.path, "ib0");
    const call = codeOf(client.call("wait", {}));
    await called.promise;
    client.close();
    assertEquals(await call, "E_IPC_CLOSED");
    await gone.promise;
  });
});

Deno.test("IpcServer.close() aborts requests in progress with E_IPC_CLOSED", async () => {
  const called = Promise.withResolvers<void>();
  await withServer({
    wait: async (_params, { signal }) => {
      called.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      signal.throwIfAborted();
      return {};
    },
  }, async (server) => {
    using client = await IpcClient.connect(server.path, "ib0");
    const call = codeOf(client.call("wait", {}));
    await called.promise;
    await server.close();
    assertEquals(await call, "E_IPC_CLOSED");
  });
});

Deno.test("IpcServer.close() from afterReply() sends the reply first, then closes", async () => {
  const directory = await Deno.makeTempDir();
  const server: IpcServer = await IpcServer.listen(
    `${directory}/ib0.sock`,
    "ib0",
    {
      down: (_params, { afterReply }) => {
        afterReply(() => void server.close());
        return {};
      },
    },
  );
  using client = await IpcClient.connect(server.path, "ib0");
  assertEquals(await client.call("down", { name: "ib0" }), {});
  await client.closed;
  assertEquals(await codeOf(client.call("coalesce.get", {})), "E_IPC_CLOSED");
  assertEquals(
    await codeOf(IpcClient.connect(server.path, "ib0")),
    "E_NOT_RUNNING",
  );
  assertEquals(await Array.fromAsync(Deno.readDir(directory)), []);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("IpcServer.listen() throws E_RUNNING if a process listens, and replaces a stale socket", async () => {
  await withServer(probe, async (server) => {
    assertEquals(
      await codeOf(IpcServer.listen(server.path, "ib0", {})),
      "E_RUNNING",
    );
  });
  const directory = await Deno.makeTempDir();
  const path = `${directory}/ib0.sock`;
  const code = `Deno.listen({transport:"unix",path:${JSON.stringify(path)}});` +
    "Deno.exit(0)";
  await new Deno.Command(Deno.execPath(), { args: ["eval", code] }).output();
  assert((await Deno.lstat(path)).isSocket);
  const server = await IpcServer.listen(path, "ib0", probe);
  using client = await IpcClient.connect(path, "ib0");
  await assertAnswers(client);
  await server.close();
  await Deno.remove(directory, { recursive: true });
});

Deno.test("IpcServer.close() does not remove a socket that has replaced its own", async () => {
  await withServer(probe, async (server) => {
    await Deno.remove(server.path);
    const successor = await IpcServer.listen(server.path, "ib0", probe);
    await server.close();
    using client = await IpcClient.connect(server.path, "ib0");
    await assertAnswers(client);
    await successor.close();
  });
});

Deno.test("IpcServer.move() moves the socket, and another server can use the old path", async () => {
  await withServer(probe, async (server, directory) => {
    const first = server.path;
    using early = await IpcClient.connect(first, "ib0");
    const path = `${directory}/netns/13/ib7.sock`;
    assert(await server.move(path));
    assertEquals(server.path, path);
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
    using late = await IpcClient.connect(path, "ib7");
    for (const client of [early, late]) {
      await assertAnswers(client);
    }
    const second = await IpcServer.listen(first, "ib0", {});
    assertEquals(await server.move(first), false);
    assertEquals(server.path, path);
    // Closing the first server does not remove the socket of the second.
    await server.close();
    (await IpcClient.connect(first, "ib0")).close();
    const files = (inode: number) =>
      Array.fromAsync(Deno.readDir(`${directory}/netns/${inode}`));
    assertEquals(await files(13), []);
    await second.close();
    assertEquals(await files(12), []);
  });
});

Deno.test("IpcServer.listen() replaces a dangling symbolic link", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/ib1.sock`;
  await Deno.symlink("ib0.sock", path);
  const server = await IpcServer.listen(path, "ib1", probe);
  assert((await Deno.lstat(path)).isSocket);
  await server.close();
  await Deno.remove(directory, { recursive: true });
});

Deno.test("IpcServer.listen() creates the socket with mode 0600 in directories with mode 0700", async () => {
  await withServer({}, async (server, directory) => {
    const mode = async (path: string) => (await Deno.stat(path)).mode! & 0o777;
    assertEquals(await mode(server.path), 0o600);
    assertEquals(await mode(`${directory}/netns`), 0o700);
    assertEquals(await mode(`${directory}/netns/12`), 0o700);
  });
});

Deno.test("IpcServer.listen() and IpcClient.connect() refuse a path over 107 bytes", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/${"x".repeat(100)}.sock`;
  assertEquals(
    await codeOf(IpcServer.listen(path, "ib0", {})),
    "E_SOCKET_PATH",
  );
  assertEquals(await codeOf(IpcClient.connect(path, "ib0")), "E_SOCKET_PATH");
  await Deno.remove(directory, { recursive: true });
});

Deno.test("IpcServer.replaced() waits until another process has replaced the socket, at most for the limit", async () => {
  await withServer(probe, async (server) => {
    await server.replaced(0);
    let replaced = false;
    const waiting = server.replaced(60_000).then(() => replaced = true);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assertEquals(replaced, false);
    const successor = await IpcServer.listen(
      ...[server.path, "ib0", probe, LIMITS, "replace"] as const,
    );
    await waiting;
    await server.close();
    using client = await IpcClient.connect(server.path, "ib0");
    await assertAnswers(client);
    await successor.close();
  });
});

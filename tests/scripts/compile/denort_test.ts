import { assertEquals } from "@std/assert";
import {
  denortVersion,
  isDownloadable,
} from "../../../scripts/compile/denort.ts";

Deno.test("denortVersion() finds the Deno release in the file", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, new Uint8Array([0xff, 0, 0x80]));
    assertEquals(await denortVersion(path), undefined);
    await Deno.writeTextFile(path, "\0denover2.4.2Deno/2.4.2Deno/2.4.2+622c\0");
    assertEquals(await denortVersion(path), "2.4.2");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("isDownloadable() is false if the host answers with an error, or not at all", async () => {
  const methods: string[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    ({ method, url }) => {
      methods.push(method);
      return new Response(null, {
        status: Number(new URL(url).pathname.slice(1)),
      });
    },
  );
  const host = `http://127.0.0.1:${server.addr.port}`;
  for (const status of [200, 403, 404, 503]) {
    assertEquals(await isDownloadable(`${host}/${status}`), status === 200);
  }
  assertEquals(methods, ["HEAD", "HEAD", "HEAD", "HEAD"]);
  await server.shutdown();
  assertEquals(await isDownloadable(`${host}/200`), false);
});

import { assertEquals, assertThrows } from "@std/assert";
import type { IpoibError } from "../../../src/base/errors.ts";
import {
  hasLivePort,
  PartitionsFile,
} from "../../../src/daemon/manager/partitions_file.ts";
import { listen } from "../../../src/system/unix_socket.ts";

async function inFolder(body: (folder: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("PartitionsFile keeps a copy for the next manager, for its owner alone", () =>
  inFolder((folder) => {
    const source = `${folder}/source.conf`;
    Deno.writeTextFileSync(source, "Default=0x7fff : ALL=full ;\n");
    const named = new PartitionsFile(folder, source);
    const read = named.read();
    assertEquals(read, {
      file: source,
      text: "Default=0x7fff : ALL=full ;\n",
    });
    named.keep(read!);
    const copy = `${folder}/partitions.conf`;
    assertEquals(new PartitionsFile(folder).read(), {
      file: copy,
      text: read!.text,
    });
    assertEquals(Deno.statSync(copy).mode! & 0o777, 0o600);
    // What was read from the copy is the copy.
    const next = new PartitionsFile(folder);
    next.keep(next.read()!);
    next.rename(source);
    Deno.writeTextFileSync(source, "another\n");
    assertEquals(next.read()?.text, "another\n");
    next.forget();
    next.forget();
    assertEquals(new PartitionsFile(folder).read(), undefined);
  }));

Deno.test("PartitionsFile: a file that was named must be there", () =>
  inFolder((folder) => {
    const file = new PartitionsFile(folder, `${folder}/none.conf`);
    const error = assertThrows(() => file.read()) as IpoibError;
    assertEquals([error.code, error.errno], ["E_PARTITIONS_FILE", 2]);
  }));

Deno.test("hasLivePort() tells a port that answers from a socket that was left", () =>
  inFolder((folder) => {
    assertEquals(hasLivePort(folder), false);
    const path = `${folder}/port-0200000000000001.sock`;
    listen(path).close();
    Deno.writeTextFileSync(`${folder}/port-x.txt`, "");
    assertEquals(hasLivePort(folder), false);
    Deno.removeSync(path);
    using _listener = listen(path);
    assertEquals(hasLivePort(folder), true);
  }));

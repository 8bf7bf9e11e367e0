import { assertEquals, assertThrows } from "@std/assert";
import type { IpoibError } from "../../../src/base/errors.ts";
import { PartitionsFile } from "../../../src/daemon/manager/partitions_file.ts";

async function inFolder(body: (folder: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("PartitionsFile stores a copy with mode 0600 for the next manager", () =>
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
    // Storing the text of the copy changes nothing.
    const next = new PartitionsFile(folder);
    next.keep(next.read()!);
    next.setSource(source);
    Deno.writeTextFileSync(source, "another\n");
    assertEquals(next.read()?.text, "another\n");
    next.removeCopy();
    next.removeCopy();
    assertEquals(new PartitionsFile(folder).read(), undefined);
  }));

Deno.test("PartitionsFile.read() throws if the given file does not exist", () =>
  inFolder((folder) => {
    const file = new PartitionsFile(folder, `${folder}/none.conf`);
    const error = assertThrows(() => file.read()) as IpoibError;
    assertEquals([error.code, error.errno], ["E_PARTITIONS_FILE", 2]);
  }));

Deno.test("PartitionsFile follows no symbolic link in the directory of the subnet", () =>
  inFolder((folder) => {
    const target = `${folder}/target`;
    Deno.writeTextFileSync(target, "of somebody");
    Deno.symlinkSync(target, `${folder}/partitions.conf`);
    const error = assertThrows(() => new PartitionsFile(folder).read());
    assertEquals((error as IpoibError).code, "E_PARTITIONS_FILE");
    Deno.symlinkSync(target, `${folder}/partitions.conf.new`);
    const text = "Default=0x7fff : ALL=full ;\n";
    new PartitionsFile(folder).keep({ file: "/somewhere", text });
    assertEquals(Deno.readTextFileSync(target), "of somebody");
    assertEquals(new PartitionsFile(folder).read()?.text, text);
  }));

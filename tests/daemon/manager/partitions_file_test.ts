import { assertEquals, assertThrows } from "@std/assert";
import type { IpoibError } from "../../../src/base/errors.ts";
import { PartitionsFile } from "../../../src/daemon/manager/partitions_file.ts";

async function inDirectory(body: (directory: string) => void): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("PartitionsFile stores a copy with mode 0600 for the next manager", () =>
  inDirectory((directory) => {
    const source = `${directory}/source.conf`;
    Deno.writeTextFileSync(source, "Default=0x7fff : ALL=full ;\n");
    const named = new PartitionsFile(directory, source);
    const read = named.read();
    assertEquals(read, {
      file: source,
      text: "Default=0x7fff : ALL=full ;\n",
    });
    named.keep(read!);
    const copy = `${directory}/partitions.conf`;
    assertEquals(new PartitionsFile(directory).read(), {
      file: copy,
      text: read!.text,
    });
    assertEquals(Deno.statSync(copy).mode! & 0o777, 0o600);
    // Storing the text of the copy changes nothing.
    const next = new PartitionsFile(directory);
    next.keep(next.read()!);
    next.setSource(source);
    Deno.writeTextFileSync(source, "another\n");
    assertEquals(next.read()?.text, "another\n");
    next.removeCopy();
    next.removeCopy();
    assertEquals(new PartitionsFile(directory).read(), undefined);
  }));

Deno.test("PartitionsFile.read() throws if the given file does not exist", () =>
  inDirectory((directory) => {
    const file = new PartitionsFile(directory, `${directory}/none.conf`);
    const error = assertThrows(() => file.read()) as IpoibError;
    assertEquals([error.code, error.errno], ["E_PARTITIONS_FILE", 2]);
  }));

Deno.test("PartitionsFile follows no symbolic link in the directory of the subnet", () =>
  inDirectory((directory) => {
    const target = `${directory}/target`;
    Deno.writeTextFileSync(target, "of somebody");
    Deno.symlinkSync(target, `${directory}/partitions.conf`);
    const error = assertThrows(() => new PartitionsFile(directory).read());
    assertEquals((error as IpoibError).code, "E_PARTITIONS_FILE");
    Deno.symlinkSync(target, `${directory}/partitions.conf.new`);
    const text = "Default=0x7fff : ALL=full ;\n";
    new PartitionsFile(directory).keep({ file: "/somewhere", text });
    assertEquals(Deno.readTextFileSync(target), "of somebody");
    assertEquals(new PartitionsFile(directory).read()?.text, text);
  }));

import { assertEquals } from "@std/assert";

Deno.test("raiseDescriptorLimit() raises the soft limit to the hard limit", async () => {
  const url = new URL("../../src/system/limits.ts", import.meta.url).href;
  const code = `import { raiseDescriptorLimit } from ${JSON.stringify(url)};
    import { libc } from "${new URL("../../ffi/libc.ts", import.meta.url)}";
    const read = () => {
      const limits = new BigUint64Array(2);
      libc().getrlimit(7, new Uint8Array(limits.buffer));
      return limits.join();
    };
    libc().setrlimit(7, new Uint8Array(new BigUint64Array([100n, 300n]).buffer));
    const before = read();
    raiseDescriptorLimit();
    raiseDescriptorLimit();
    await Deno.stdout.write(new TextEncoder().encode(before + " " + read()));`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--frozen", code],
    stderr: "inherit",
  }).output();
  assertEquals(new TextDecoder().decode(stdout), "100,300 300,300");
});

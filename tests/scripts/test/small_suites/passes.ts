/** A suite that leaves its temporary directory empty. */

Deno.test("files", async () => {
  await Deno.remove(await Deno.makeTempDir());
  for await (const { name } of Deno.readDir(Deno.env.get("TMPDIR")!)) {
    throw new Error(`The temporary directory is not empty: ${name}`);
  }
});

/** Leaves its temporary folder as it was. */

Deno.test("files", async () => {
  await Deno.remove(await Deno.makeTempDir());
  for await (const { name } of Deno.readDir(Deno.env.get("TMPDIR")!)) {
    throw new Error(`The temporary folder is not empty: ${name}`);
  }
});

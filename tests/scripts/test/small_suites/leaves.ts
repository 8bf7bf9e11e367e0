/** A suite that leaves a file, a network namespace and a process behind. */

Deno.test({
  name: "leaves",
  sanitizeResources: false,
  sanitizeOps: false,
  fn: async () => {
    await Deno.makeTempFile({ prefix: "forgotten-" });
    await new Deno.Command("ip", { args: ["netns", "add", "lost"] }).output();
    new Deno.Command("setsid", { args: ["sleep", "1234"], stdout: "null" })
      .spawn().unref();
  },
});

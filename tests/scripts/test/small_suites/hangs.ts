/** A suite whose second test does not end. */

Deno.test("short", () => {});

Deno.test("endless", () => new Promise((done) => setTimeout(done, 1e9)));

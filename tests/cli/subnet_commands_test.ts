import { assertEquals, assertStringIncludes } from "@std/assert";
import { CliFixture } from "./support.ts";

const done = { code: 0, out: "", err: "" };

Deno.test("ipoib subnet run passes its options to the daemon", async () => {
  await using cli = new CliFixture();
  assertEquals(await cli.run("subnet run"), done);
  cli.code = 2;
  assertEquals(
    (await cli.run(
      "subnet run lab --subnet-mtu 4096 --partitions p.conf --log error",
    )).code,
    2,
  );
  assertEquals(cli.subnetRuns, [
    { name: "default", log: "info" },
    { name: "lab", subnetMtu: 4096, partitions: "p.conf", log: "error" },
  ]);
  await Deno.mkdir(cli.configDirectory);
  const partitions = `${cli.configDirectory}/lab.partitions`;
  await Deno.writeTextFile(partitions, "");
  await cli.run("subnet run lab");
  assertEquals(cli.subnetRuns.pop(), { name: "lab", log: "info", partitions });
});

Deno.test("ipoib subnet show queries the subnet manager", async () => {
  await using cli = new CliFixture();
  await cli.subnet("lab");
  const text = await cli.run("subnet show");
  assertEquals([text.code, text.err], [0, ""]);
  assertStringIncludes(text.out, "manager lab lid 0x0001");
  const [json] = JSON.parse((await cli.run("-j subnet show lab")).out);
  assertEquals(json.rate_code, 16);
  assertEquals(json.groups[0].members[1].join_state, 5);

  await cli.subnet("other");
  assertEquals(await cli.run("subnet show"), {
    code: 1,
    out: "",
    err: "ipoib: Several subnets are running: lab, other (name one of them)\n",
  });
  assertStringIncludes(
    (await cli.run("subnet show other")).out,
    "manager other",
  );
});

Deno.test("ipoib subnet show queries an interface if no manager listens", async () => {
  await using cli = new CliFixture();
  assertEquals((await cli.run("subnet show")).code, 3);
  const named = await cli.run("subnet show lab");
  assertEquals(named.code, 3);
  assertStringIncludes(named.err, "ipoib: Subnet lab is not running (");

  const calls = await cli.daemon("ib0");
  assertStringIncludes(
    (await cli.run("subnet show lab")).out,
    "manager ib0 lid",
  );
  // The second call finds the namespaces of the ports.
  assertEquals(calls, [["subnet.show", { name: "lab" }], ["link.show", {}]]);
});

/** Creates the socket of a port of subnet lab, on which a process listens. */
function listenAsPort({ runtime }: CliFixture): Deno.Listener {
  const directory = `${runtime}/subnet/lab`;
  Deno.mkdirSync(directory, { recursive: true });
  const path = `${directory}/port-0002c90300000001.sock`;
  return Deno.listen({ transport: "unix", path });
}

Deno.test("commands of a subnet wait for the next manager while a port lives", async () => {
  for (const words of ["subnet fault clear", "subnet show lab"]) {
    await using cli = new CliFixture();
    using _port = listenAsPort(cli);
    const running = cli.run(words);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await cli.subnet("lab", {
      "subnet.fault.clear": () => ({ version: 1, rules: [], waiting: [] }),
    });
    const { code, err } = await running;
    assertEquals([code, err], [0, ""], words);
  }
});

Deno.test("commands of a subnet whose ports are left without a manager fail after a while", async () => {
  await using cli = new CliFixture();
  using _port = listenAsPort(cli);
  const { code, err } = await cli.run("subnet fault show");
  assertEquals(code, 3);
  assertStringIncludes(err, "No subnet is running (");
});

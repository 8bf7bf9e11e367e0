/** `ipoib subnet` for a user who may not connect to the control sockets. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { CliFixture, deny } from "./support.ts";

/** Runs a command that must report that permission is denied on the socket of `server`. */
async function refused(
  cli: CliFixture,
  line: string,
  server: string,
): Promise<void> {
  const { code, out, err } = await cli.run(`subnet ${line}`);
  assertEquals([code, out], [2, ""], line);
  assertStringIncludes(
    err,
    `Permission denied on the control socket of ${server} (run the command as`,
  );
}

Deno.test("subnet commands report a manager's socket without permission", async () => {
  await using cli = new CliFixture();
  await cli.subnet("lab");
  using _denied = deny("/control.sock");
  const commands = ["show", "fault", "events", "reload"];
  for (const line of [...commands, "fault port 0x1 down"]) {
    await refused(cli, line, "Subnet lab");
  }
  for (const line of ["show lab", "fault lab show", "events lab"]) {
    await refused(cli, line, "Subnet lab");
  }
  await cli.subnet("lab2");
  await refused(cli, "show", "Subnet lab");
});

Deno.test("subnet show reports an interface's socket without permission", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  using _denied = deny("/ib0.sock");
  await refused(cli, "show", "ib0");
  await refused(cli, "show lab", "ib0");
});

Deno.test("subnet show prefers an answer to a lack of permission, and this to another refusal", async () => {
  await using cli = new CliFixture();
  await cli.subnet("lab");
  await cli.daemon("ib0", {
    handlers: {
      "subnet.show": () => {
        throw new IpoibError("E_SUBNET_NAME", "This interface is on another");
      },
    },
  });
  {
    using _denied = deny("/control.sock");
    await refused(cli, "show lab", "Subnet lab");
    await cli.daemon("ib1");
    assertStringIncludes((await cli.run("subnet show lab")).out, "manager");
  }
  {
    await cli.subnet("other");
    using _denied = deny("/other/control.sock");
    assertStringIncludes((await cli.run("subnet show")).out, "manager lab");
  }
});

/** Options of ethtool and tcpdump that the commands with their grammar do not have. */

import { assertEquals } from "@std/assert";
import { CliFixture } from "./support.ts";

Deno.test("options of ethtool that no interface supports are refused by name, with the exit code of ethtool", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0");
  const cases: Record<string, [code: number, message: string]> = {
    "-l ib0": [1, "Option -l of ethtool is not supported for this device"],
    "-r ib0": [255, "Option -r of ethtool is not supported for this device"],
    "-T": [1, "Option -T of ethtool is not supported for this device"],
    "-P ib0": [1, "Option -P of ethtool is not supported for this device"],
    "-n ib0": [
      1,
      "Option -n of ethtool is not supported for this device (option -n of all commands precedes ethtool)",
    ],
    "-d ib0": [
      74,
      "Option -d of ethtool is not supported for this device (option -d of all commands precedes ethtool)",
    ],
    "-s ib0 speed 10": [
      75,
      "Option -s of ethtool is not supported for this device (option -s of all commands precedes ethtool)",
    ],
    "--show-channels ib0": [
      1,
      "Option --show-channels of ethtool is not supported for this device",
    ],
  };
  for (const [words, [code, message]] of Object.entries(cases)) {
    const outcome = await cli.run(`ethtool ${words}`);
    assertEquals(
      [outcome.code, outcome.out, outcome.err.split("\n")[0]],
      [code, "", `ipoib: ${message}`],
      words,
    );
  }
  assertEquals(calls, []);
});

Deno.test("before ethtool, and after its option or the interface, letters are those of all commands", async () => {
  await using cli = new CliFixture();
  const handlers = {
    driver: () => ({
      "driver": "ib_ipoib",
      "version": "0.1.0",
      "firmware-version": "1.0.0",
      "expansion-rom-version": "",
      "bus-info": "",
      "supports-statistics": true,
      "supports-test": false,
      "supports-eeprom-access": false,
      "supports-register-dump": false,
      "supports-priv-flags": false,
    }),
  };
  const calls = await cli.daemon("ib0", { netns: "blue", handlers });
  for (
    const line of [
      "-n blue ethtool -i ib0",
      "ethtool -i ib0 -n blue",
      "ethtool -i -n blue ib0",
      "ethtool ib0 -n blue -i",
      "-p -d -s -n blue ethtool -i ib0 -p -d",
    ]
  ) {
    assertEquals((await cli.run(line)).code, 0, line);
  }
  assertEquals(calls.length, 5);
});

Deno.test("options of tcpdump that capture does not have are refused with what there is instead", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  const cases: Record<string, string> = {
    "-i ib0":
      "-i of tcpdump is not supported (name the interface without it: ipoib capture IF)",
    "ib0 -nn":
      "-nn of tcpdump is not supported (addresses and ports are always numbers)",
    "-v ib0":
      "-v of tcpdump is not supported (tshark -V -r FILE prints all fields and bytes of a file)",
    "ib0 -e icmp":
      "-e of tcpdump is not supported (link-layer addresses are always printed)",
    "-D": "-D of tcpdump is not supported (ipoib link lists the interfaces)",
  };
  for (const [words, message] of Object.entries(cases)) {
    const { code, out, err } = await cli.run(`capture ${words}`);
    assertEquals(
      [code, out, err.split("\n")[0]],
      [1, "", `ipoib: Option ${message}`],
      words,
    );
  }
});

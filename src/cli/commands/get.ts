/** `ipoib get [IF] FILE`. Equivalent to: `cat /sys/class/net/IF/FILE`. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { INTERFACE } from "../options.ts";

export function get(cli: Cli) {
  return new Command("get")
    .description(
      "show a sysfs attribute of an interface: mode, pkey, mtu, ...",
    )
    .usage("[options] [IF] FILE")
    .argument("<IF>", INTERFACE)
    .argument("[FILE]", "attribute name")
    .action(async (first, second, _options, self) => {
      const [name, file] = second === undefined
        ? [undefined, first]
        : [first, second];
      using target = await cli.open(self, name);
      const { client, name: ifname } = target;
      const { value } = await client.call("get", { name: ifname, file });
      cli.print(self, [{ ifname, [file]: value }], () => `${value}\n`);
    });
}

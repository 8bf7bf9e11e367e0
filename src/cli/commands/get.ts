/** `ipoib get [IF] FILE`. Equivalent to: `cat /sys/class/net/IF/FILE`. */

import { Command } from "@commander-js/extra-typings";
import { type Cli, netnsOf, prints } from "../cli.ts";
import { openInterface } from "../session.ts";

export function get(cli: Cli) {
  return prints(
    new Command("get")
      .description("print a sysfs file of an interface: mode, pkey, mtu, ...")
      .usage("[options] [IF] FILE")
      .argument("<IF>", "interface; default: the only one that runs here")
      .argument("[FILE]", "name of the file")
      .action(async (first, second, _options, self) => {
        const [name, file] = second === undefined
          ? [undefined, first]
          : [first, second];
        const target = await openInterface(
          cli.environment,
          netnsOf(self),
          name,
        );
        using client = target.client;
        const { value } = await client.call("get", { name: target.name, file });
        cli.print(
          self,
          [{ ifname: target.name, [file]: value }],
          () => `${value}\n`,
        );
      }),
  );
}

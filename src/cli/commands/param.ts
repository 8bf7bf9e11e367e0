/**
 * `ipoib param [IF] [NAME [VALUE]]`. Equivalent to: `cat /sys/module/ib_ipoib/parameters/NAME`, and with VALUE to
 * `echo VALUE > /sys/module/ib_ipoib/parameters/NAME`. A parameter applies to a parent interface and its children.
 */

import { Command } from "@commander-js/extra-typings";
import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { type Cli, prints } from "../cli.ts";
import { usageError } from "../errors.ts";
import { INTERFACE } from "../options.ts";
import { renderParams } from "../render/tables_text.ts";

/** Suffixes of parameter names. A first argument with another suffix is an interface name. */
const PARAMETER = /_(level|size|qp)$/;

export function param(cli: Cli) {
  return prints(
    new Command("param")
      .description(
        "show or change the parameters of the driver: debug_level, ...",
      )
      .usage("[options] [IF] [NAME [VALUE]]")
      .argument("[IF]", INTERFACE)
      .argument("[NAME]", "parameter")
      .argument("[VALUE]", "new value")
      .action(async (first, second, third, _options, self) => {
        const words = [first, second, third].filter((word) =>
          word !== undefined
        );
        const named = words.length > 0 && !PARAMETER.test(words[0]!);
        const [param, value, excess] = named ? words.slice(1) : words;
        if (excess !== undefined) {
          throw usageError(`Unexpected argument "${excess}"`);
        }
        using target = await cli.open(self, named ? words[0] : undefined);
        const { client, name } = target;
        if (param !== undefined && value !== undefined) {
          await client.call("param.set", { name, param, value });
          return;
        }
        const records = await client.call("param.show", { name });
        if (param === undefined) {
          cli.print(self, records, renderParams);
          return;
        }
        const found = records.filter((record) => record.param === param);
        if (found.length === 0) {
          throw new IpoibError(
            "E_NO_FILE",
            `Parameter ${param} does not exist`,
            {
              errno: Errno.ENOENT,
              hint: `available parameters: ${
                records.map((record) => record.param).join(", ")
              }`,
            },
          );
        }
        cli.print(self, found, ([record]) => `${record!.value}\n`);
      }),
  );
}

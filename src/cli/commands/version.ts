/** `ipoib version`: the version of this program, and those of the running processes. */

import { Command } from "@commander-js/extra-typings";
import { IpoibError } from "../../base/errors.ts";
import { printable } from "../../base/printable.ts";
import { VERSION } from "../../ipc/version.ts";
import type { Cli } from "../cli.ts";
import { errorLine, exitCode } from "../errors.ts";
import { askAll, namespacesHidden } from "../listing.ts";
import { namespaceName } from "../namespace.ts";
import { globalsOf } from "../options.ts";
import { renderJson } from "../render/json.ts";

/** A running process. */
interface ProcessVersion {
  readonly ifname: string;
  /** The namespace, unless it is the initial one. */
  readonly netns?: string;
  readonly pid: number;
  readonly version: string;
}

export function version(cli: Cli) {
  return new Command("version")
    .description(
      "print the version of this program and of the processes of the interfaces",
    )
    .action(async (_options, self) => {
      const { allNetns = false, netns, json, pretty } = globalsOf(self);
      const { environment } = cli;
      const { answers, incomplete } = await askAll(
        environment,
        { netns, allNetns, eachInterface: false },
        async ({ client, name }) =>
          (await client.call("link.show", { name }))[0]!,
      );
      const names = allNetns ? await environment.namespaceNames() : undefined;
      const processes: ProcessVersion[] = [];
      const errors: IpoibError[] = [];
      for (const { place, name, result } of answers) {
        if (result instanceof IpoibError) {
          errors.push(result);
          continue;
        }
        const { pid, version = "unknown" } = result;
        const netns = names && namespaceName(place, names);
        processes.push({
          ...{ ifname: name, pid, version },
          ...(netns === undefined ? {} : { netns }),
        });
      }
      environment.out(
        json
          ? renderJson([{ version: VERSION, processes }], pretty ?? false)
          : `ipoib ${VERSION}\n${processes.map(line).join("")}`,
      );
      if (incomplete) errors.push(namespacesHidden());
      for (const error of errors) environment.err(errorLine(error));
      if (errors[0]) cli.exitCode = exitCode(errors[0]);
    });
}

function line({ ifname, netns, pid, version }: ProcessVersion): string {
  const where = netns === undefined ? "" : ` netns ${netns}`;
  const other = version === VERSION ? "" : ": replace it with ipoib upgrade";
  return `${printable(ifname)}${where} pid ${pid} version ${version}${other}\n`;
}

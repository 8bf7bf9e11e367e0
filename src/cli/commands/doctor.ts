/** Command `doctor`: examines the host, interfaces, embedded subnets, and the way to a peer. */

import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { Exit } from "../errors.ts";
import { globalsOf, INTERFACES } from "../options.ts";
import { renderDoctor } from "../render/doctor_text.ts";
import { renderJson } from "../render/json.ts";
import { styleOf } from "../render/style.ts";

const HELP = `
Each line has the result of a check: ok, warning, failure, or skipped with the
reason why the check could not be made. After -> follows what to do. With -d,
details follow; with -o, each finding is one line.
PEER is an IP address, to which echo requests of two sizes are sent.
Exit codes: 0 no warnings and no failures, 4 warnings, 5 failures.`;

export function doctor(cli: Cli): CommandUnknownOpts {
  return new Command("doctor")
    .description("find out why an interface or a peer cannot be reached")
    .argument("[IF]", INTERFACES)
    .argument("[PEER]", "IP address of a peer on the link or behind a router")
    .addHelpText("after", HELP)
    .action(async (first, second, _options, self) => {
      const { environment } = cli;
      const options = globalsOf(self);
      // Other commands do not load the checks.
      const { examination, operands } = await import("../examination.ts");
      const sections = await examination(
        environment,
        options,
        await operands(first, second),
      );
      const findings = sections.flatMap(({ findings }) => findings);
      environment.out(
        options.json
          ? renderJson(
            sections.flatMap(({ findings, place }) =>
              findings.map((finding) => ({ ...place, ...finding }))
            ),
            options.pretty ?? false,
          )
          : renderDoctor(sections, styleOf(options, environment.color)),
      );
      const has = (status: string) =>
        findings.some((finding) => finding.status === status);
      if (has("failure")) cli.exitCode = Exit.Failures;
      else if (has("warning")) cli.exitCode = Exit.Warnings;
    });
}

/**
 * `ipoib ethtool [-i|-k|-K|-c|-C|-S|-g|-G|-a|-t] [IF] [name value]...`: shows and sets parameters as ethtool(8) does on
 * an ib_ipoib device, with the output, the error messages and the exit codes of ethtool 6.1. (ethtool(8) on the device
 * itself shows a TAP.)
 *
 * Equivalent to: `ethtool -c IF`, and the same for the other options.
 */

import { Errno, errnoText } from "../../base/errno.ts";
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { Exit, usageError } from "../errors.ts";
import { startsWithFeature } from "../ethtool_features.ts";
import {
  COALESCE,
  type Grammar,
  ParameterError,
  RINGS,
} from "../ethtool_parameters.ts";
import {
  EthtoolExit,
  refuse,
  setCoalesce,
  type SetContext,
  setFeatures,
  setRings,
} from "../ethtool_set.ts";
import {
  allStatistics,
  coalesceJson,
  renderCoalesce,
  renderDriver,
  renderRings,
  renderSettings,
  renderStatistics,
  settingsJson,
  settingsOf,
} from "../render/ethtool_text.ts";
import { featuresJson, renderFeatures } from "../render/features_text.ts";

/** Returns the exit code. */
type Action = (
  context: SetContext,
  words: readonly string[],
) => Promise<number>;

interface Option {
  readonly flags: string;
  readonly description: string;
  readonly action: Action;
  /** The complaint about a word after the interface. Undefined for that of most options. */
  readonly unexpected?: (word: string) => string;
  /** True if the words begin with a parameter, so that they do not name an interface. Undefined if it takes none. */
  readonly startsWithParameter?: (words: readonly string[]) => boolean;
}

const BAD_ARGUMENTS =
  "ethtool: bad command line argument(s)\nFor more information run ethtool -h\n";
/** The test modes of `ethtool -t`. */
const TESTS = ["online", "offline", "external_lb"];

/** The options by the names that commander gives them. */
const OPTIONS: Record<string, Option> = {
  showCoalesce: {
    flags: "-c, --show-coalesce",
    description: "show coalesce parameters",
    action: async ({ target: { client, name }, print }) => {
      const record = await client.call("coalesce.get", { name });
      print(renderCoalesce(name, record), coalesceJson(record));
      return Exit.Ok;
    },
  },
  coalesce: {
    flags: "-C, --coalesce",
    description: "set coalesce parameters: rx-usecs, rx-frames, adaptive-rx",
    action: setCoalesce,
    startsWithParameter: parametersOf(COALESCE),
  },
  driver: {
    flags: "-i, --driver",
    description: "show driver information",
    unexpected: () => BAD_ARGUMENTS,
    action: async ({ target: { client, name }, print }) => {
      const record = await client.call("driver", { name });
      print(renderDriver(record), record);
      return Exit.Ok;
    },
  },
  statistics: {
    flags: "-S, --statistics",
    description: "show driver statistics",
    unexpected: (word) => `ethtool (-S): unknown parameter '${word}'\n`,
    action: async ({ target: { client, name }, print }) => {
      const [record] = await client.call("stats", { name });
      const statistics = allStatistics(record!);
      print(renderStatistics(statistics), statistics);
      return Exit.Ok;
    },
  },
  showFeatures: {
    flags: "-k, --show-features",
    description: "show offload features",
    action: async ({ target: { client, name }, print }) => {
      const features = await client.call("features", { name });
      print(renderFeatures(name, features), featuresJson(features));
      return Exit.Ok;
    },
  },
  features: {
    flags: "-K, --features",
    description: "request offload features: tso, gro and others, on or off",
    action: setFeatures,
    startsWithParameter: startsWithFeature,
  },
  showRing: {
    flags: "-g, --show-ring",
    description: "show the sizes of the rings",
    action: async ({ target: { client, name }, print }) => {
      const record = await client.call("rings.get", { name });
      print(renderRings(name, record), record);
      return Exit.Ok;
    },
  },
  setRing: {
    flags: "-G, --set-ring",
    description: "set the sizes of the rings: rx, tx",
    action: setRings,
    startsWithParameter: parametersOf(RINGS),
  },
  showPause: {
    flags: "-a, --show-pause",
    description: "not supported by this driver",
    action: ({ environment }) => {
      refuse(environment, Errno.EOPNOTSUPP);
      return Promise.resolve(EthtoolExit.Failed);
    },
  },
  test: {
    flags: "-t, --test",
    description: "not supported by this driver",
    action: ({ environment }, [mode, ...more]) => {
      const known = more.length === 0 &&
        (mode === undefined || TESTS.includes(mode));
      environment.err(
        known ? `Cannot test: ${errnoText(Errno.EOPNOTSUPP)}\n` : BAD_ARGUMENTS,
      );
      return Promise.resolve(known ? EthtoolExit.Test : EthtoolExit.Failed);
    },
    startsWithParameter: ([mode]) => mode !== undefined && TESTS.includes(mode),
  },
};

const settings: Action = async ({ target: { client, name }, print }) => {
  const [link] = await client.call("link.show", { name });
  const found = settingsOf(link!);
  print(renderSettings(name, found), settingsJson(found));
  return Exit.Ok;
};

function unexpectedParameter(word: string): string {
  return `ethtool: unexpected parameter '${word}'\n`;
}

function parametersOf({ names }: Grammar) {
  return ([first]: readonly string[]) =>
    first !== undefined && names.includes(first);
}

async function run(
  cli: Cli,
  words: readonly string[],
  options: Record<string, unknown>,
  command: CommandUnknownOpts,
): Promise<number> {
  const chosen = Object.keys(OPTIONS).filter((name) => options[name] === true);
  if (chosen.length > 1) {
    throw usageError("More than one option given", "ethtool takes one");
  }
  const option = chosen[0] === undefined ? undefined : OPTIONS[chosen[0]];
  const { startsWithParameter, unexpected = unexpectedParameter } = option ??
    {};
  const unnamed = startsWithParameter?.(words) ?? false;
  const parameters = unnamed ? words : words.slice(1);
  if (!startsWithParameter && parameters[0] !== undefined) {
    cli.environment.err(unexpected(parameters[0]));
    return EthtoolExit.Failed;
  }
  using target = await cli.open(command, unnamed ? undefined : words[0]);
  const print = (text: string, json: Record<string, unknown>) =>
    cli.print(command, [{ ifname: target.name, ...json }], () => text);
  const { environment } = cli;
  const action = option?.action ?? settings;
  return await action({ environment, target, print }, parameters);
}

export function ethtool(cli: Cli) {
  const command = new Command("ethtool")
    .description("show and set device parameters, as ethtool(8)")
    .usage("[options] [IF] [PARAMETER VALUE]...")
    .argument(
      "[WORD...]",
      "interface, then parameters: -C rx-usecs N, -G rx N, -K tso off",
    );
  for (const { flags, description } of Object.values(OPTIONS)) {
    command.option(flags, description);
  }
  return command.action(async (words, options, self) => {
    try {
      cli.exitCode = await run(cli, words, options, self);
    } catch (error) {
      if (!(error instanceof ParameterError)) throw error;
      cli.environment.err(`${error.message}\n`);
      cli.exitCode = EthtoolExit.Failed;
    }
  });
}

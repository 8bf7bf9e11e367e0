/**
 * `ipoib ethtool [-i|-k|-K|-c|-C|-S|-g|-G|-a|-t] [IF] [name value]...`: shows and sets parameters as ethtool(8) does on
 * an ib_ipoib device, with the output, the error messages and the exit codes of ethtool 6.1. (ethtool(8) on the device
 * itself shows a TAP.)
 *
 * Equivalent to: `ethtool -c IF`, and the same for the other options.
 */

import { Errno, errnoText } from "../../base/errno.ts";
import { printable } from "../../base/printable.ts";
import { CoalesceRecordSchema } from "../../ipc/schema.ts";
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { NONE, ON_OFF, type Source, words } from "../completion/candidates.ts";
import { completeOperands, type Operands } from "../completion/grammar.ts";
import { FEATURES, INTERFACES } from "../completion/live.ts";
import { usageError } from "../errors.ts";
import { refusalOfEthtool } from "../ethtool_foreign.ts";
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
import { refuseOptions } from "../foreign_options.ts";
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
import type { Target } from "../session.ts";
import { type Shown, showRecords } from "../show_records.ts";

/** Fetches what an option shows, as text and as JSON. */
type Show = (target: Target) => Promise<{ text: string; json: object }>;

/** Returns the exit code. */
type Action = (
  context: SetContext,
  words: readonly string[],
) => Promise<number>;

interface Option {
  readonly flags: string;
  readonly description: string;
  /** What the option does: one of both is present. */
  readonly show?: Show;
  readonly action?: Action;
  /** True if the text does not name the interface. */
  readonly anonymous?: true;
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
    show: async ({ client, name }) => {
      const record = await client.call("coalesce.get", { name });
      return { text: renderCoalesce(name, record), json: coalesceJson(record) };
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
    anonymous: true,
    show: async ({ client, name }) => {
      const record = await client.call("driver", { name });
      return { text: renderDriver(record), json: record };
    },
  },
  statistics: {
    flags: "-S, --statistics",
    description: "show driver statistics",
    unexpected: (word) => `ethtool (-S): unknown parameter '${word}'\n`,
    anonymous: true,
    show: async ({ client, name }) => {
      const [record] = await client.call("stats", { name });
      const statistics = allStatistics(record!);
      return { text: renderStatistics(statistics), json: statistics };
    },
  },
  showFeatures: {
    flags: "-k, --show-features",
    description: "show offload features",
    show: async ({ client, name }) => {
      const features = await client.call("features", { name });
      const json = featuresJson(features);
      return { text: renderFeatures(name, features), json };
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
    show: async ({ client, name }) => {
      const record = await client.call("rings.get", { name });
      return { text: renderRings(name, record), json: record };
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

const showSettings: Show = async ({ client, name }) => {
  const [link] = await client.call("link.show", { name });
  const found = settingsOf(link!);
  return { text: renderSettings(name, found), json: settingsJson(found) };
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
  const option: Partial<Option> = chosen[0] === undefined
    ? { show: showSettings }
    : OPTIONS[chosen[0]]!;
  const { show, action, startsWithParameter, unexpected } = option;
  const unnamed = startsWithParameter?.(words) ?? false;
  const name = unnamed ? undefined : words[0];
  const parameters = unnamed ? words : words.slice(1);
  if (!startsWithParameter && parameters[0] !== undefined) {
    const complaint = unexpected ?? unexpectedParameter;
    cli.environment.err(complaint(parameters[0]));
    return EthtoolExit.Failed;
  }
  if (show) {
    await showRecords(cli, command, name, pages(show, option.anonymous));
    return cli.exitCode;
  }
  using target = await cli.open(command, name);
  const print = (text: string, json: Record<string, unknown>) =>
    cli.print(command, [{ ifname: target.name, ...json }], () => text);
  return await action!(
    { environment: cli.environment, target, print },
    parameters,
  );
}

/** Returns what an option shows of each interface. */
function pages(
  show: Show,
  anonymous = false,
): Shown<{ ifname: string; text: string; json: object }> {
  return {
    eachInterface: true,
    fetch: async (target) => [
      { ifname: target.name, ...await show(target) },
    ],
    render: (pages) =>
      pages.map(({ ifname, text }) =>
        anonymous && pages.length > 1 ? `${printable(ifname)}:\n${text}` : text
      ).join(""),
    json: ({ ifname, json }) => ({ ifname, ...json }),
  };
}

/** The parameters of each option that the interface has, for completion: their names, and their values. */
const PARAMETERS: Readonly<
  Record<string, { names: Source[]; valueOf: (name: string) => Source }>
> = {
  "-C": {
    names: [words(...Object.keys(CoalesceRecordSchema.entries))],
    valueOf: (name) => COALESCE.switches.includes(name) ? ON_OFF : NONE,
  },
  "-G": { names: [words("rx", "tx")], valueOf: () => NONE },
  "-K": { names: [FEATURES], valueOf: () => ON_OFF },
};

/** The operands `[IF] [NAME VALUE]...`. */
const completion: Operands = (given, { options }) => {
  const parameters = options.map(({ short }) => PARAMETERS[short ?? ""])
    .find((each) => each !== undefined);
  if (!parameters || given.length === 0) {
    return given.length === 0 ? [INTERFACES] : [];
  }
  const name = given.length % 2 === 0 ? given.at(-1)! : undefined;
  return name === undefined ? parameters.names : [parameters.valueOf(name)];
};

export function ethtool(cli: Cli) {
  const plain = refuseOptions(new Command("ethtool"), refusalOfEthtool);
  const command = completeOperands(plain, completion)
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

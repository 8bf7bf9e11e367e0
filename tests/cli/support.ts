/** Test fixture of the command line: runtime directory, namespaces, captured output, and fake processes. */

import { getColorEnabled, setColorEnabled } from "@std/fmt/colors";
import type { HcaPort } from "../../src/cli/hcas.ts";
import type { CliEnvironment, Terminal } from "../../src/cli/environment.ts";
import type { CniVariable } from "../../src/base/variables.ts";
import { patient } from "../../scripts/machine.ts";
import { run } from "../../src/cli/run.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { linkName, linkTarget, socketDirectory } from "../../src/ipc/locate.ts";
import { type Handlers, IpcServer } from "../../src/ipc/server.ts";
import type {
  CaptureEvent,
  CaptureOptions,
} from "../../src/ipc/capture_options.ts";
import type { CaptureRecord, UpgradeRecord } from "../../src/ipc/schema.ts";
import type { SubnetRunOptions, UpOptions } from "../../src/ipc/up_options.ts";
import { host } from "../doctor/facts.ts";
import * as records from "../ipc/records.ts";

/** Enables the colors of @std/fmt/colors regardless of the environment, until disposal. */
export function forceColors(): Disposable {
  const before = getColorEnabled();
  setColorEnabled(true);
  return { [Symbol.dispose]: () => setColorEnabled(before) };
}

/** Makes files whose paths end with one of `paths` inaccessible, until disposal. */
export function deny(...paths: string[]): Disposable {
  const { connect, readDirSync } = Deno;
  const check = (path: string) => {
    if (!paths.some((each) => path.endsWith(each))) return;
    throw new Deno.errors.PermissionDenied(path);
  };
  Deno.connect = ((options: Deno.UnixConnectOptions) => {
    check(options.path);
    return connect(options);
  }) as typeof connect;
  Deno.readDirSync = (path) => {
    check(String(path));
    return readDirSync(path);
  };
  return {
    [Symbol.dispose]: () => {
      Deno.connect = connect;
      Deno.readDirSync = readDirSync;
    },
  };
}

/** Exit code and output of a command line. */
export interface Outcome {
  code: number;
  out: string;
  err: string;
}

const INITIAL = 4026531840n;
/** Inodes of the namespaces of the tests, by name. */
const NAMESPACES: Record<string, bigint> = {
  blue: 4026532281n,
  green: 4026532282n,
};

/** A call that a fake process received. */
export type Call = [method: string, params: unknown];

/** Runs command lines with captured output against fake processes in a temporary runtime directory. */
export class CliFixture implements AsyncDisposable {
  readonly runtime = Deno.makeTempDirSync();
  /** Directory of configuration files, which does not exist. */
  readonly configDirectory = `${this.runtime}/etc`;
  /** Options of the calls of `up`. */
  readonly ups: UpOptions[] = [];
  /** Options of the calls of `subnet run`. */
  readonly subnetRuns: SubnetRunOptions[] = [];
  /** Network devices without a process. */
  readonly leftDevices: string[] = [];
  /** Parents of those that are children. */
  readonly leftParents: Record<string, string> = {};
  readonly upgrades: UpgradeRecord[] = [];
  /** Options and started captures of the calls of `capture`. */
  readonly captures: { options: CaptureOptions; record: CaptureRecord }[] = [];
  readonly capturedEvents: CaptureEvent[] = [];
  /** Called during a capture, which ends with it. */
  capturing: () => Promise<void> = () => Promise.resolve();
  /** Arguments of `endProcess`. */
  readonly ended: number[] = [];
  /** Functions that end the fake processes. */
  readonly #ends: Array<() => Promise<void>> = [];
  /** The terminal of the commands, if they have one. */
  terminal: Terminal | undefined;
  /** Resolved to end commands that run until stopped. */
  readonly ending = Promise.withResolvers<void>();
  /** Exit code of `up` and `subnet run`. */
  code = 0;
  /** Returns true if the reader of the output has ended. */
  outEnded: (out: string) => boolean = () => false;
  /** True if output is colored. */
  color = false;
  /** Standard input. */
  input = "";
  /** The variables of CNI. */
  readonly cniVariables: Partial<Record<CniVariable, string>> = {};
  /** CNI plugins by path: each returns its exit code and output. */
  readonly plugins: Record<
    string,
    (command: string, input: string) => { code: number; stdout: string }
  > = {};
  /** Time limit of lists. */
  replyLimitMs = patient(5000);
  /** Time limit of `down`. */
  endLimitMs = 15_000;

  /** The ports of HCAs, and the P_Keys of each. */
  ports: readonly HcaPort[] = [];
  pkeys: readonly number[] = [];

  /** Returns the environment of a command line, whose output is added to `outcome`. */
  environment(outcome: Outcome): CliEnvironment {
    const outEnded = () => this.outEnded(outcome.out);
    return {
      get outEnded() {
        return outEnded();
      },
      out: (text) => outcome.out += text,
      err: (text) => outcome.err += text,
      color: this.color,
      openTerminal: () => Promise.resolve(this.terminal),
      input: () => Promise.resolve(this.input),
      cniVariable: (name) => this.cniVariables[name] || undefined,
      runPlugin: (path, command, input) =>
        Promise.resolve(this.plugins[path]?.(command, input)),
      uptimeMs: 3_600_000,
      runtime: this.runtime,
      configDirectory: this.configDirectory,
      replyLimitMs: this.replyLimitMs,
      endLimitMs: this.endLimitMs,
      namespace: (spec) => Promise.resolve(identity(spec)),
      namespaceNames: () =>
        Promise.resolve(
          new Map(
            Object.entries(NAMESPACES).map(([name, inode]) => [
              inode,
              name,
            ]),
          ),
        ),
      hostFacts: () => Promise.resolve(host),
      hcaPorts: () => Promise.resolve(this.ports),
      hcaPkeys: () => Promise.resolve(this.pkeys),
      endProcess: (pid) => {
        this.ended.push(pid);
        return Promise.resolve();
      },
      ownerOfLeft: (_netns, name) =>
        Promise.resolve(
          this.leftDevices.includes(name)
            ? this.leftParents[name] ?? name
            : undefined,
        ),
      leftInterfaces: () =>
        Promise.resolve(
          this.leftDevices.filter((name) => !(name in this.leftParents)),
        ),
      deleteLeft: (_netns, name) => {
        const at = this.leftDevices.indexOf(name);
        if (at >= 0) this.leftDevices.splice(at, 1);
        return Promise.resolve(at >= 0);
      },
      endingSignal: () => this.ending.promise,
      up: (options) => {
        this.ups.push(options);
        return Promise.resolve(this.code);
      },
      startUpgrade: (record) => {
        this.upgrades.push(record);
        return Promise.resolve(this.code);
      },
      capture: async (options, source) => {
        this.captures.push({ options, record: await source.start() });
        using _following = options.events
          ? await source.follow((event) => this.capturedEvents.push(event))
          : undefined;
        await this.capturing();
        return this.code;
      },
      runSubnet: (options) => {
        this.subnetRuns.push(options);
        return Promise.resolve(this.code);
      },
    };
  }

  /** Runs a command line, given as arguments or as text that is split at spaces. */
  async run(line: string | string[]): Promise<Outcome> {
    const outcome: Outcome = { code: -1, out: "", err: "" };
    const words = typeof line === "string"
      ? line.split(" ").filter((word) => word !== "")
      : line;
    outcome.code = await run(words, this.environment(outcome));
    return outcome;
  }

  /**
   * Starts a fake process that owns interface `name` with `children`, and with `moved` children in other namespaces.
   * Returns the list of calls that it records.
   */
  async daemon(
    name: string,
    options: {
      netns?: string;
      handlers?: Handlers;
      children?: string[];
      moved?: Record<string, string | string[]>;
    } = {},
  ): Promise<Call[]> {
    const { children = [], moved = {} } = options;
    const directory = socketDirectory(this.runtime, identity(options.netns));
    const calls: Call[] = [];
    const server: IpcServer = await this.#listen(
      `${directory}/${name}.sock`,
      name,
      recording(calls, {
        ...answers(),
        down: (_params, { afterReply }) => {
          afterReply(() => void server.close());
          return {};
        },
        ...options.handlers,
      }),
    );
    for (const each of children) linkName(directory, name, each);
    for (const [netns, names] of Object.entries(moved)) {
      const there = socketDirectory(this.runtime, identity(netns));
      Deno.mkdirSync(there, { recursive: true });
      const target = linkTarget(this.runtime, there, server.path);
      for (const each of [names].flat()) linkName(there, target, each);
    }
    return calls;
  }

  /** Starts a fake process that runs a subnet manager. Returns the list of calls that it records. */
  async subnet(name: string, handlers: Handlers = {}): Promise<Call[]> {
    const calls: Call[] = [];
    await this.#listen(
      `${this.runtime}/subnet/${name}/control.sock`,
      name,
      recording(calls, {
        "subnet.show": () => ({
          ...records.subnet,
          manager: { ...records.subnet.manager, name },
        }),
        ...handlers,
      }),
    );
    return calls;
  }

  /** Creates a socket on which no process listens. */
  async deadSocket(name: string): Promise<void> {
    const path = `${this.runtime}/${name}.sock`;
    const code =
      `Deno.listen({transport:"unix",path:${JSON.stringify(path)}});` +
      "Deno.exit(0)";
    await new Deno.Command(Deno.execPath(), { args: ["eval", code] }).output();
  }

  /** Starts a process that accepts connections to interface `name` and does not reply. */
  silent(name: string): void {
    const path = `${this.runtime}/${name}.sock`;
    const listener = Deno.listen({ transport: "unix", path });
    const ended = (async () => {
      const connections: Deno.Conn[] = [];
      for await (const conn of listener) connections.push(conn);
      connections.forEach((conn) => conn.close());
    })();
    this.#ends.push(async () => {
      listener.close();
      await ended;
    });
  }

  async #listen(path: string, what: string, handlers: Handlers) {
    const server = await IpcServer.listen(path, what, handlers);
    this.#ends.push(() => server.close());
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends) await end();
    await Deno.remove(this.runtime, { recursive: true });
  }
}

function identity(spec?: string) {
  if (spec === undefined) return { inode: INITIAL, initial: true };
  const inode = NAMESPACES[spec] ??
    (/^4\d{9}$/.test(spec) ? BigInt(spec) : undefined);
  if (inode !== undefined) return { inode, initial: false };
  throw new IpoibError("E_NETNS", `Cannot open network namespace "${spec}"`, {
    errno: 2,
  });
}

function answers(): Handlers {
  return {
    "link.show": () => [records.link, records.childLink],
    "link.set": () => ({}),
    "neigh.show": () => records.neighbours,
    "neigh.flush": () => ({}),
    "neigh.add": () => ({}),
    "neigh.del": () => ({}),
    "path.show": () => records.paths,
    "addr.show": () => [{ ifname: "ib0", addr_info: records.addresses }],
    "mcg.show": () => records.groups,
    "child.create": () => records.child,
    "child.delete": () => ({}),
    "child.list": () => [records.child],
    "maddr.show": () => records.maddrs,
    "param.show": () => records.params,
    "param.set": () => ({}),
    "file.show": () => [
      { file: "mode", value: "datagram", writable: true },
      { file: "pkey", value: "0xffff", writable: false },
      { file: "create_child", writable: true },
    ],
    "get": ({ file }) => {
      if (file === "mode") return { value: "datagram" };
      throw new IpoibError("E_FILE", `No file "${file}"`, {
        errno: 2,
        hint: "mode, pkey, parent, mtu",
      });
    },
    "subnet.show": () => records.subnet,
  };
}

/** Wraps handlers to add each call to `calls`. */
function recording(calls: Call[], handlers: Handlers): Handlers {
  return Object.fromEntries(
    Object.entries(handlers).map(([method, handler]) => [
      method,
      (params: unknown, context: unknown) => {
        calls.push([method, params]);
        return (handler as (...all: unknown[]) => unknown)(params, context);
      },
    ]),
  );
}

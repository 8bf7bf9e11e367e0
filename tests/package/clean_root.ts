/** A clean Debian system in a folder, without a kernel, and commands in it. */

import { Cache } from "../../scripts/rig/cache.ts";
import { must, run } from "../e2e/harness/command.ts";
import { TemporaryFolder } from "./support.ts";

/** Time for mmdebstrap to download and unpack the system. */
const DOWNLOAD_LIMIT_MS = 600_000;
const RELEASE = "bookworm";
/** What the tests use in the system; the package itself depends on none of it. */
const INCLUDED = "iperf3,iproute2,iputils-ping,kmod,systemd,udev";
/** What the package recommends, with dependencies in {@linkcode ARCHIVES}. */
const RECOMMENDED = "libibverbs1 ibverbs-providers libibumad3 libffi8";
/** Name in the cache; other packages have another name. */
const CACHED = `clean-root-${RELEASE}-2`;
/** Folder in the system with the package files of what the package recommends. */
const ARCHIVES = "/srv/recommended";
/** Script of mmdebstrap that downloads them. `$1` is the root of the system. */
const DOWNLOAD = `
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
apt-get clean
apt-get install -q -y --no-install-recommends --download-only ${RECOMMENDED}
mkdir "$1${ARCHIVES}"
cp "$1"/var/cache/apt/archives/*.deb "$1${ARCHIVES}"
`;
/** Capabilities of the service manager of a host that systemd-nspawn does not give. */
const CAPABILITIES = "CAP_NET_ADMIN,CAP_BPF,CAP_PERFMON,CAP_IPC_LOCK";
/** Options for a network of its own, in which TAPs can be created. */
const NETWORK = ["--private-network", "--bind=/dev/net/tun"];

/** Command that installs the package in a clean system. */
export const INSTALL = installs("/srv/ipoib.deb");
/** Command that also installs what the package recommends. */
export const INSTALL_ALL = installs(`/srv/ipoib.deb ${ARCHIVES}/*.deb`);

function installs(files: string): string {
  return `apt-get install -q -y --no-install-recommends ${files} > /dev/null`;
}

/** A system with the package file in /srv/ipoib.deb. */
export class CleanRoot implements AsyncDisposable {
  readonly #folder: TemporaryFolder;

  private constructor(folder: TemporaryFolder) {
    this.#folder = folder;
  }

  /**
   * Unpacks a system, which mmdebstrap made before or makes now.
   *
   * @param debian path of the package file
   */
  static async open(debian: string): Promise<CleanRoot> {
    const archive = await Cache.use(async (cache) =>
      await cache.find(CACHED) ??
        await cache.make(CACHED, async (folder) => {
          await must([
            ...["mmdebstrap", "--variant=minbase", `--include=${INCLUDED}`],
            ...[`--customize-hook=set -e${DOWNLOAD}`],
            ...[RELEASE, `${folder}/root.tar`],
          ], { limitMs: DOWNLOAD_LIMIT_MS });
        })
    );
    const root = new CleanRoot(new TemporaryFolder());
    await Deno.mkdir(root.path);
    await must(["tar", "-C", root.path, "-xf", `${archive}/root.tar`]);
    await Deno.copyFile(debian, `${root.path}/srv/ipoib.deb`);
    return root;
  }

  /** Path of the system's root. */
  get path(): string {
    return `${this.#folder.path}/root`;
  }

  /** Runs a shell script in a container of the system. Returns its exit code and output. */
  async shell(script: string) {
    return await run(this.container([
      ...["--as-pid2", "--console=pipe"],
      ...["sh", "-ec", script],
    ]));
  }

  /**
   * Returns the command that runs systemd-nspawn with these words, without a service manager on this host, and hides
   * what it leaves in /run.
   */
  container(words: readonly string[]): string[] {
    return [
      ...["unshare", "--mount", "sh", "-c"],
      ...['mount -t tmpfs none /run && exec "$@"', "sh"],
      ...["systemd-nspawn", "--quiet", "--register=no", "--keep-unit"],
      ...[`--directory=${this.path}`, `--capability=${CAPABILITIES}`],
      ...["--system-call-filter=bpf perf_event_open", ...NETWORK],
      ...words,
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}

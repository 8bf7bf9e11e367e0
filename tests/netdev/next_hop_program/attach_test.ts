/** Attaching and detaching the next-hop program, and the errors if it cannot be attached. */

import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { attachAtEgress } from "../../../src/netdev/next_hop_program/attach.ts";
import { kernelTypes } from "../../../src/netdev/next_hop_program/kernel_types.ts";
import { loadClassifier } from "../../../src/netdev/next_hop_program/load.ts";
import { attachNextHopProgram } from "../../../src/netdev/next_hop_program/next_hop_program.ts";
import { createPrefixMap } from "../../../src/netdev/next_hop_program/prefix_map.ts";
import { nextHopProgram } from "../../../src/netdev/next_hop_program/program.ts";
import { Errno } from "../../../src/base/errno.ts";
import { withNamespace } from "../../../src/system/namespace.ts";
import { TestHost } from "./test_host.ts";
import {
  configure,
  constantProgram,
  isTo,
  nextHop,
  NO_NEXT_HOP,
  programTest,
  Rig,
  RouteType,
} from "./support.ts";
import { openDescriptors } from "../../system/failing_call.ts";

const TCX_PASS = 0;
const GATEWAY = nextHop(RouteType.Unicast, "10.1.0.7");

programTest("close() detaches the program and may be called twice", () => {
  using rig = new Rig();
  const program = rig.attach();
  assertEquals(rig.destination("10.5.1.1"), GATEWAY);
  program.close();
  assertEquals(rig.destination("10.5.1.1"), NO_NEXT_HOP);
  program.close();
  using _again = rig.attach();
  assertEquals(rig.destination("10.5.1.1"), GATEWAY);
});

programTest(
  "attachNextHopProgram() without a namespace uses that of the calling thread",
  () => {
    using rig = new Rig();
    const { ifindex } = rig;
    using _program = withNamespace(
      rig.host.fd,
      () => attachNextHopProgram(ifindex),
    );
    assertEquals(rig.destination("10.5.1.1"), GATEWAY);
  },
);

programTest(
  "the program stays attached when the interface is renamed, or set down and up",
  () => {
    using rig = new Rig();
    using _program = rig.attach();
    rig.host.ip("link set ib0 name ib7");
    assertEquals(rig.destination("10.5.1.1"), GATEWAY);
    rig.host.ip(
      "link set ib7 down",
      "link set ib7 up",
      "neighbour replace 10.1.0.7 dev ib7 nud permanent",
      "route add 10.5.0.0/16 via 10.1.0.7",
    );
    assertEquals(rig.destination("10.5.1.1"), GATEWAY);
  },
);

programTest(
  "the program stays attached when the interface moves to another namespace",
  () => {
    using rig = new Rig();
    using program = rig.attach();
    using other = new TestHost();
    rig.host.ip(`link set ib0 netns ${other.path}`);
    configure(other, "ib0");
    const destination = () => {
      other.send("10.5.1.1");
      return rig.tap.until(isTo("10.5.1.1"))[0]!.destination;
    };
    assertEquals(destination(), GATEWAY);
    program.close();
    assertEquals(destination(), NO_NEXT_HOP);
  },
);

programTest("close() closes the descriptor after the interface is gone", () => {
  using rig = new Rig();
  const program = rig.attach();
  const before = openDescriptors();
  rig.tap.close();
  program.close();
  assertEquals(openDescriptors(), before - 3);
});

programTest(
  "the program runs before an earlier program that ends the list",
  () => {
    using rig = new Rig();
    using other = constantProgram(TCX_PASS);
    using _otherLink = withNamespace(
      rig.host.fd,
      () => attachAtEgress(other, rig.ifindex),
    );
    using _program = rig.attach();
    assertEquals(rig.destination("10.5.1.1"), GATEWAY);
  },
);

function refused(fn: () => unknown): IpoibError {
  const error = assertThrows(fn, IpoibError);
  assertEquals(error.code, "E_NEXT_HOP_PROGRAM");
  assert(error.hint);
  return error;
}

programTest("the error for a missing interface names it", () => {
  using host = new TestHost();
  const error = refused(() => attachNextHopProgram(4321, host.fd));
  assertEquals(error.errno, Errno.ENODEV);
  assertStringIncludes(error.message, "4321");
  assertStringIncludes(error.hint!, "namespace");
});

programTest(
  "the error for a refused program has the end of the verifier's log",
  () => {
    const types = kernelTypes();
    using map = createPrefixMap();
    const wrong = nextHopProgram({ ...types, skbRefdst: 0x7000 }, map.number);
    const error = refused(() => loadClassifier("wrong", wrong));
    assertEquals(error.errno, Errno.EACCES);
    assertStringIncludes(error.hint!, "verifier");
    assertStringIncludes(
      (error.cause as Error).message,
      "beyond struct sk_buff",
    );
  },
);

/** Returns the error of attachNextHopProgram() in a new namespace, in a process started by the command `prefix`. */
async function errorUnder(...prefix: string[]): Promise<IpoibError> {
  const top = new URL("../../../", import.meta.url);
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(
    script,
    `import { attachNextHopProgram } from "${top}src/netdev/next_hop_program/next_hop_program.ts";
    try { attachNextHopProgram(1); console.log("{}"); }
    catch (error) { console.log(JSON.stringify(error)); }`,
  );
  try {
    const { stdout } = await new Deno.Command("unshare", {
      args: [
        ...["--net", ...prefix, Deno.execPath(), "run", "--quiet"],
        ...[
          "--allow-ffi",
          "--no-check",
          "--config",
          `${top.pathname}deno.json`,
        ],
        script,
      ],
    }).output();
    return IpoibError.from(JSON.parse(new TextDecoder().decode(stdout)));
  } finally {
    await Deno.remove(script);
  }
}

for (const missing of ["bpf", "perfmon", "net_admin"]) {
  programTest(
    `the error without CAP_${missing.toUpperCase()} names it`,
    async () => {
      const error = await errorUnder(
        ...["setpriv", `--bounding-set=-sys_admin,-${missing}`],
      );
      assertEquals(error.code, "E_NEXT_HOP_PROGRAM");
      assertStringIncludes(error.hint!, `CAP_${missing.toUpperCase()}`);
    },
  );
}

programTest(
  "the error in a user namespace names the initial user namespace",
  async () => {
    const error = await errorUnder("--user", "--map-root-user");
    assertEquals([error.code, error.errno], [
      "E_NEXT_HOP_PROGRAM",
      Errno.EPERM,
    ]);
    assertStringIncludes(error.hint!, "initial user namespace");
  },
);

/** Returns the error in a process for which `command` has mounted something over /sys/kernel/btf. */
function mounted(command: string): Promise<IpoibError> {
  return errorUnder("--mount", "sh", "-c", `${command} && exec "$@"`, "sh");
}

programTest("the error without BTF names the kernel option", async () => {
  const error = await mounted("mount -t tmpfs none /sys/kernel/btf");
  assertEquals([error.code, error.errno], ["E_NEXT_HOP_PROGRAM", Errno.ENOENT]);
  assertStringIncludes(error.hint!, "CONFIG_DEBUG_INFO_BTF");
});

programTest("truncated BTF is an error", async () => {
  const error = await mounted(
    "part=$(mktemp) && head -c 1000000 /sys/kernel/btf/vmlinux > $part" +
      " && mount --bind $part /sys/kernel/btf/vmlinux && rm $part",
  );
  assertEquals(error.code, "E_NEXT_HOP_PROGRAM");
  assertStringIncludes(error.message, "beyond the end of the file");
  assertStringIncludes(error.hint!, "Linux 6.6");
});

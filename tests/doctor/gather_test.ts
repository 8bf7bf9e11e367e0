/** The facts of this machine: host, namespace, echo requests over the loopback device, interfaces of ib_ipoib. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { EchoSocket } from "../../src/doctor/gather/echo.ts";
import { gatherHost } from "../../src/doctor/gather/host.ts";
import { kernelLinks } from "../../src/doctor/gather/kernel_links.ts";
import {
  gatherNamespace,
  InterfaceNamespace,
  sourceFor,
} from "../../src/doctor/gather/namespace.ts";
import { gatherSubnet } from "../../src/doctor/gather/subnet.ts";
import { isPeer } from "../../src/doctor/gather/peer.ts";
import {
  isStopped,
  stoppedProcess,
} from "../../src/doctor/gather/silent_process.ts";
import { addressIn, socketAddress } from "../../src/doctor/gather/sockaddr.ts";
import { Capability, hasCapability } from "../../src/system/capability.ts";
import { namespaceInode, ownNamespace } from "../../src/system/namespace.ts";
import { subnetSocketPath } from "../../src/ipc/locate.ts";
import { isWritable } from "../../src/doctor/gather/writable.ts";
import { exists } from "../../src/ipc/runtime_directory.ts";
import { IpcServer } from "../../src/ipc/server.ts";
import { until } from "../e2e/harness/until.ts";
import * as records from "../ipc/records.ts";
import { testWhere } from "../test_where.ts";
import { ipAddress } from "../wire/support.ts";
import { link } from "./facts.ts";

const LOOPBACK = 1;

Deno.test("the facts of the host name its runtime directory, and the libraries that can be loaded", () => {
  const runtime = Deno.makeTempDirSync();
  const host = gatherHost(runtime);
  assertEquals(host.runtime, {
    ...{ path: runtime, error: undefined },
    writable: true,
  });
  assertEquals(host.libraries.map(({ name }) => name), [
    "libibverbs",
    "libibumad",
  ]);
  for (const { name, path } of host.libraries) {
    assert(path === undefined || path.includes(name), path);
  }
  Deno.chmodSync(runtime, 0o777);
  const { error } = gatherHost(runtime).runtime;
  assertEquals(error?.message.endsWith("is writable by other users"), true);
  Deno.removeSync(runtime);
});

Deno.test("the facts of a device name the device files that it lacks, those for MADs on InfiniBand ports only", () => {
  const device = "mlx5_99";
  const port = { device, port: 1 };
  const problems = (linkLayer: "infiniband" | "ethernet") => {
    const { devices: [found] } = gatherHost("/nowhere", {
      devices: [device],
      ports: [{ ...port, linkLayer }],
      library: true,
    });
    assertEquals([found?.name, found?.ports.length], [device, 1]);
    assert(found && found.provided !== true);
    return found.fileProblems.map(({ hint }) => hint);
  };
  assertEquals(problems("infiniband"), [
    "load kernel module ib_uverbs",
    "load kernel module ib_umad",
  ]);
  assertEquals(problems("ethernet"), ["load kernel module ib_uverbs"]);
});

testWhere(
  Deno.uid() === 0 ? undefined : "needs root",
  "libibverbs gets no drivers from the environment of a process in secure-execution mode",
  async () => {
    const url = new URL("../../src/doctor/gather/host.ts", import.meta.url);
    const code = `import { gatherHost } from ${JSON.stringify(url.href)};
      const port = { device: "mlx5_99", port: 1, linkLayer: "infiniband" };
      const probe = { devices: ["mlx5_99"], ports: [port], library: true };
      gatherHost("/nowhere", probe);
      console.log(Deno.env.get("RDMAV_DRIVERS"));`;
    // A program whose real and effective group differ at its start is in this mode.
    const { stdout } = await new Deno.Command("setpriv", {
      args: [
        ...["--rgid", "65534", "--clear-groups", Deno.execPath()],
        ...["eval", "--no-check", "--frozen", "--cached-only", code],
      ],
      env: { RDMAV_DRIVERS: "/nowhere/driver" },
      stdin: "null",
      stderr: "inherit",
    }).output();
    assertEquals(new TextDecoder().decode(stdout), "undefined\n");
  },
);

Deno.test("a socket address contains family, address, and the scope of IPv6", () => {
  const ipv4 = socketAddress(ipAddress("10.0.0.1"), 9, 0);
  assertEquals([...ipv4.slice(0, 8)], [2, 0, 0, 9, 10, 0, 0, 1]);
  const ipv6 = socketAddress(ipAddress("fe80::1"), 9, 7);
  assertEquals([ipv6.length, ipv6[0], ipv6[8], ipv6[24]], [28, 10, 0xfe, 7]);
  for (const text of ["10.0.0.1", "fe80::1"]) {
    const address = socketAddress(ipAddress(text), 0, 0);
    assertEquals(`${addressIn(address)}`, text);
  }
});

Deno.test("the source address for a peer is that of the kernel's route", () => {
  assertEquals(sourceFor(ipAddress("127.0.0.2"), LOOPBACK), "127.0.0.1");
});

Deno.test("a peer is an IP address of either family", () => {
  assertEquals(["10.0.0.1", "fe80::1", "host", "10.0.0", "ib0"].map(isPeer), [
    true,
    true,
    false,
    false,
    false,
  ]);
});

testWhere(
  hasCapability(Capability.NetRaw) ? undefined : "needs CAP_NET_RAW",
  "echo requests of both sizes are answered over the loopback device",
  () => {
    for (const address of ["127.0.0.1", "::1"]) {
      using socket = new EchoSocket(ipAddress(address), "lo", LOOPBACK);
      for (const length of [84, 2044, 65_520]) {
        const { answered, sent, rttMs } = socket.ping(length, 2, 1000);
        assertEquals([address, length, answered, sent], [
          address,
          length,
          true,
          1,
        ]);
        assert(rttMs! > 0);
      }
    }
  },
);

testWhere(
  hasCapability(Capability.NetRaw) ? undefined : "needs CAP_NET_RAW",
  "an echo request that is longer than the MTU is not sent, and the MTU is named",
  () => {
    using socket = new EchoSocket(ipAddress("127.0.0.1"), "lo", LOOPBACK);
    const { answered, sent, errno } = socket.ping(65_999, 3, 1000);
    // EMSGSIZE: more than any IP packet.
    assertEquals([answered, sent, errno], [false, 1, 90]);
  },
);

Deno.test("the namespace of an interface is found by its inode, and its addresses are read in it", () => {
  using own = ownNamespace();
  const inode = Number(namespaceInode(own.number));
  using namespace = new InterfaceNamespace({ ...link, namespace: inode });
  const { addresses, sysctls } = namespace.run(() => gatherNamespace("lo"));
  assertEquals(typeof sysctls["all.rp_filter"], "string");
  for (const { cidr } of addresses) assert(cidr.includes("/"), cidr);
  const error = assertThrows(
    () => new InterfaceNamespace({ ...link, namespace: 1, pid: 0 }),
    IpoibError,
  );
  assertEquals(error.code, "E_NETNS");
});

Deno.test("PIDs of a subnet whose manager is in another PID namespace are unknown", async () => {
  await using parts = new AsyncDisposableStack();
  const runtime = await Deno.makeTempDir();
  parts.defer(() => Deno.remove(runtime, { recursive: true }));
  const child = new Deno.Command("sleep", { args: ["600"] }).spawn();
  parts.defer(async () => {
    child.kill("SIGKILL");
    await child.status;
  });
  child.kill("SIGSTOP");
  await until("the stop", () => isStopped(child.pid));
  const [port] = records.subnet.ports;
  let pid = Deno.pid;
  const server = await IpcServer.listen(
    subnetSocketPath(runtime, "default"),
    "Subnet default",
    {
      "subnet.show": () => ({
        ...records.subnet,
        manager: { ...records.subnet.manager, pid },
        ports: [{ ...port!, pid: child.pid }],
      }),
      "subnet.fault.show": () => ({ version: 0, rules: [], waiting: [] }),
    },
  );
  parts.defer(() => server.close());
  const gathered = async () => {
    const { record, stoppedPids } = await gatherSubnet(
      runtime,
      "default",
      patient(5000),
    );
    assert("value" in record);
    const { manager, ports } = record.value;
    return [manager.pid, ports.map(({ pid }) => pid), stoppedPids];
  };
  assertEquals(await gathered(), [Deno.pid, [child.pid], [child.pid]]);
  // The PID of the manager in its own namespace, where the other one is that of another process.
  pid = Deno.pid + 1;
  assertEquals(await gathered(), [Deno.pid, [0], []]);
});

Deno.test("an address with a label is one of its device", () => {
  const { networkInterfaces } = Deno;
  const ipv4 = { family: "IPv4", netmask: "", scopeid: null, mac: "" } as const;
  Deno.networkInterfaces = () => [
    { ...ipv4, name: "ib0", address: "10.9.0.1", cidr: "10.9.0.1/24" },
    { ...ipv4, name: "ib0:1", address: "10.9.0.2", cidr: "10.9.0.2/24" },
  ];
  try {
    const { addresses } = gatherNamespace("ib0");
    assertEquals(addresses.map(({ device }) => device), ["ib0", "ib0"]);
  } finally {
    Deno.networkInterfaces = networkInterfaces;
  }
});

Deno.test("interfaces of ib_ipoib on a port are found by the GUID at the end of their addresses", () => {
  const directory = Deno.makeTempDirSync();
  const device = (name: string, files: Record<string, string>) => {
    Deno.mkdirSync(`${directory}/${name}`);
    for (const [file, text] of Object.entries(files)) {
      Deno.writeTextFileSync(`${directory}/${name}/${file}`, `${text}\n`);
    }
  };
  const gid = (guid: string) => `00:00:00:11:fe:80:00:00:00:00:00:00:${guid}`;
  const broadcast =
    "00:ff:ff:ff:ff:12:40:1b:80:01:00:00:00:00:00:00:ff:ff:ff:ff";
  const guid = "00:02:c9:03:00:00:00:01";
  device("ib5", { type: "32", address: gid(guid), broadcast });
  device("ib6", {
    type: "32",
    address: gid("00:02:c9:03:00:00:00:02"),
    broadcast,
  });
  device("ib0", { type: "32", address: "", broadcast: "" });
  device("eth0", { type: "1", address: guid, broadcast: "" });
  assertEquals(kernelLinks("0x0002c90300000001", directory), [
    { name: "ib5", kind: "ib_ipoib", pkey: "0x8001" },
  ]);
  Deno.removeSync(directory, { recursive: true });
});

Deno.test("a process that a signal has stopped is found by the socket at which it listens", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/ib0.sock`;
  assertEquals(stoppedProcess(path), undefined);
  const program =
    `Deno.listen({ transport: "unix", path: "${path}" }); await new Promise((r) => setTimeout(r, 60_000));`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", program],
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await until("the socket", () => exists(path));
    assertEquals(stoppedProcess(path), undefined);
    child.kill("SIGSTOP");
    await until("the stop", () => isStopped(child.pid));
    assertEquals(stoppedProcess(path)?.hint, `kill -CONT ${child.pid}`);
  } finally {
    child.kill("SIGKILL");
    await child.status;
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a directory is writable for its owner, for others by its mode, and with CAP_DAC_OVERRIDE", () => {
  const directory = Deno.makeTempDirSync();
  const owner = { uid: Deno.uid()!, overrides: false };
  const other = { uid: owner.uid + 1, overrides: false };
  const missing = `${directory}/a/b`;
  const writable = (path: string) =>
    [owner, other, { ...other, overrides: true }].map((user) =>
      isWritable(path, user)
    );
  Deno.chmodSync(directory, 0o755);
  assertEquals(writable(directory), [true, false, true]);
  assertEquals(writable(missing), [true, false, true]);
  Deno.chmodSync(directory, 0o1777);
  assertEquals(writable(missing), [true, true, true]);
  Deno.chmodSync(directory, 0o555);
  assertEquals(writable(directory), [false, false, true]);
  Deno.removeSync(directory);
});

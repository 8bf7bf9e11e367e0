/** The checks of the host. */

import { hostChecks } from "../../../src/doctor/checks/host_checks.ts";
import type { DeviceFacts, HostFacts } from "../../../src/doctor/facts.ts";
import { testChecks } from "../check_cases.ts";
import * as facts from "../facts.ts";

const { host } = facts;
const [device] = host.devices as [DeviceFacts];
const without = (library: string): HostFacts => ({
  ...host,
  libraries: host.libraries.map((each) =>
    each.name === library ? { ...each, path: undefined } : each
  ),
});

testChecks(hostChecks, host, {
  rights: [
    [
      { ...host, rights: { netAdmin: false, sysAdmin: true } },
      "warning",
      "CAP_NET_ADMIN",
    ],
  ],
  tun: [
    [{ ...host, tunErrno: 2 }, "failure", "modprobe tun"],
    [{ ...host, tunErrno: 19 }, "failure", "no TUN driver"],
    [{ ...host, tunErrno: 13 }, "failure", "no permission to open"],
    [{ ...host, tunErrno: 16 }, "failure", "cannot be opened: "],
  ],
  runtime: [
    [
      {
        ...host,
        runtime: {
          path: "/run/ipoib",
          error: { message: `Directory "/run/ipoib" is a symbolic link` },
          writable: true,
        },
      },
      "failure",
      "is a symbolic link",
    ],
    [
      { ...host, runtime: { ...host.runtime, writable: false } },
      "warning",
      "this user may not create files in /run/ipoib",
    ],
  ],
  devices: [
    [{ ...host, devices: [] }, "ok", "no RDMA device"],
    [
      {
        ...host,
        devices: [{ ...device, ports: [{ port: 1, linkLayer: "ethernet" }] }],
      },
      "warning",
      "no InfiniBand port: mlx5_0/1 (ethernet)",
    ],
  ],
  "device files": [
    [
      {
        ...host,
        devices: [{
          ...device,
          fileProblems: [{
            message: "No device file /dev/infiniband/umadN exists for mlx5_0/1",
            hint: "load kernel module ib_umad",
          }],
        }],
      },
      "failure",
      "load kernel module ib_umad",
    ],
  ],
  libraries: [
    [without("libibverbs"), "failure", "apt install libibverbs1"],
    [without("libibumad"), "failure", "apt install libibumad3"],
    [{ ...without("libibumad"), devices: [] }, "ok", "only devices need them"],
  ],
  providers: [
    [
      { ...host, devices: [{ ...device, provided: false }] },
      "failure",
      "no provider for mlx5_0",
    ],
    [
      { ...host, devices: [{ ...device, provided: undefined }] },
      "skipped",
      "libibverbs cannot list the devices",
    ],
  ],
  "locked memory": [
    [
      { ...host, lockableBytes: 8 * 1024 * 1024 },
      "warning",
      "the limit is 8 MiB",
    ],
  ],
});

/** Fuzz target of partitions.conf: parses it and applies it to a subnet with ports. */

import { assert } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { parsePartitionsConf } from "../../../src/subnet/partitions_conf.ts";
import { HonestSubnet } from "./honest_subnet.ts";
import type { FuzzTarget } from "./target.ts";

const decoder = new TextDecoder();

export const partitionsTarget: FuzzTarget = {
  name: "partitions_conf",
  kind: "text",
  inputsPerSession: 500,
  open() {
    const subnet = new HonestSubnet();
    return {
      run(bytes) {
        let conf;
        try {
          conf = parsePartitionsConf(decoder.decode(bytes));
        } catch (error) {
          assert(error instanceof IpoibError, String(error));
          assert(error.code === "E_PARTITIONS_CONF", error.code);
          return false;
        }
        subnet.rig.manager.reload(conf.partitions, subnet.rig.clock.now());
        subnet.turn();
        return true;
      },
      close() {
        subnet.restorePartitions();
        subnet.check();
      },
    };
  },
};

/** List of all fuzz targets. */

import { arpTranslationTarget } from "./arp_translation.ts";
import { cmTarget } from "./cm.ts";
import { coalescingTarget } from "./coalescing.ts";
import { commandLineTarget } from "./command_line.ts";
import { controlTarget } from "./control.ts";
import { deviceFrameTarget, fabricPacketTarget } from "./engine.ts";
import { interfaceFileTarget } from "./interface_file.ts";
import { largeSendTarget } from "./large_send.ts";
import { linkLayerTargets } from "./link_layer.ts";
import { linkHelloTarget } from "./link_hello.ts";
import { madTarget } from "./mad.ts";
import { ndTranslationTarget } from "./nd_translation.ts";
import { netlinkTargets } from "./netlink.ts";
import { partitionsTarget } from "./partitions.ts";
import { portFrameTarget } from "./port_frame.ts";
import { ringDescriptorTarget, ringReturnTarget } from "./ring.ts";
import { saClientTarget } from "./sa_client.ts";
import { administratorTarget, managerTarget } from "./subnet_manager.ts";
import type { FuzzTarget } from "./target.ts";
import { textTarget } from "./text.ts";

export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  ...linkLayerTargets,
  textTarget,
  madTarget,
  ...netlinkTargets,
  partitionsTarget,
  interfaceFileTarget,
  saClientTarget,
  cmTarget,
  administratorTarget,
  managerTarget,
  deviceFrameTarget,
  largeSendTarget,
  fabricPacketTarget,
  coalescingTarget,
  arpTranslationTarget,
  ndTranslationTarget,
  controlTarget,
  commandLineTarget,
  ringDescriptorTarget,
  ringReturnTarget,
  linkHelloTarget,
  portFrameTarget,
];

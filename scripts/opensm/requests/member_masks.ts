/** Component masks and parameters of joins. */

import {
  JoinState,
  LEAVE_MASK,
  McMask,
} from "../../../src/wire/sa/mc_member_record.ts";
import { Selector } from "../../../src/wire/sa/selector.ts";

/** Parameters of the default link's broadcast group, with which IPoIB creates the link's other groups. */
export const LIKE_BROADCAST = {
  qkey: 0xb1b,
  pkey: 0xffff,
  mtuSelector: Selector.Exactly,
  mtu: 4,
  rateSelector: Selector.Exactly,
  rate: 3,
  joinState: JoinState.FullMember,
};

/** Components that a join needs to create a group. */
export const CREATE_MASK = LEAVE_MASK | McMask.Qkey | McMask.Tclass |
  McMask.Pkey | McMask.FlowLabel | McMask.Sl;
export const MTU = McMask.Mtu | McMask.MtuSelector;
export const RATE = McMask.Rate | McMask.RateSelector;

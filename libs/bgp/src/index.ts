export { ByteWriter, u16, u32, u8 } from './wire/bytes.ts';
export {
  ceaseSubcode,
  describeNotification,
  decodeNotification,
  errorCode,
  maximumPrefixes,
  notification,
  shutdownCommunication,
  shutdownNotification,
  type Notification,
} from './wire/notification.ts';
export {
  headerLength,
  maxExtendedMessageLength,
  maxMessageLength,
  messageType,
  readFrame,
  type Frame,
  type MessageType,
} from './wire/header.ts';
export {
  type AddPath,
  type Capability,
  type GracefulRestart,
  type LongLivedRestart,
  type Role,
} from './wire/capability.ts';
export { asTrans, decodeOpen, encodeOpen, type OpenMessage, type OpenResult } from './wire/open.ts';
export {
  forEachNlri,
  nlriToArray,
  readPrefix,
  writeNlri,
  type Nlri,
  type NlriBlock,
  type NlriVisitor,
} from './wire/nlri.ts';
export {
  asPathLength,
  countAs,
  formatAsPath,
  neighborAs,
  prependAs,
  type AsPath,
  type AsPathSegment,
} from './wire/as-path.ts';
export {
  attributeCode,
  attributeFlag,
  origins,
  type LargeCommunity,
  type Origin,
  type PathAttributes,
  type UnknownAttribute,
} from './wire/path-attributes.ts';
export { type AttributeProblem } from './wire/attribute-fault.ts';
export { type UpdateContext } from './wire/update-context.ts';
export { decodeAttributes, type AttributesResult } from './wire/decode-attributes.ts';
export { encodeAttributes } from './wire/encode-attributes.ts';
export { PlainUpdate, readPlainUpdate } from './wire/plain-update.ts';
export { PlainAttributes, scanPlainAttributes } from './wire/plain-attributes.ts';
export { rewriteAttributes, rewriteGrowth, type RewritePlan } from './wire/rewrite-attributes.ts';
export { decodeUpdate, type Announcement, type Update, type UpdateResult } from './wire/update.ts';
export {
  decodeRouteRefresh,
  encodeEndOfRib,
  encodeKeepalive,
  encodeMessage,
  encodeNotification,
  encodeOpenMessage,
  encodeRouteRefresh,
  UpdatePacker,
  type AnnouncementTemplate,
  type RouteRefresh,
  type RouteRefreshKind,
} from './wire/message.ts';
export { localOpen, negotiate, type LocalSide, type Negotiation, type Session } from './fsm/session.ts';
export {
  idle,
  isGracefulLoss,
  openHoldSeconds,
  step,
  type DownReason,
  type EventKind,
  type FsmAction,
  type FsmConfig,
  type FsmEvent,
  type FsmState,
  type StateName,
  type Step,
  type TimerName,
} from './fsm/fsm.ts';
export { resolveCollision, type CollisionInput, type CollisionVerdict } from './fsm/collision.ts';
export {
  comparePaths,
  isEquallyGood,
  defaultLocalPref,
  selectBest,
  type Candidate,
  type Comparison,
  type DecisionStep,
} from './routing/decision.ts';
export {
  isLinkLocal,
  linkAddress,
  locateNextHop,
  splitNextHop,
  usedNextHop,
  type LinkAddress,
  type NextHop,
  type PeerLink,
} from './routing/next-hop.ts';
export { isStrangeNextHop, type RouteSource } from './routing/route-source.ts';
export {
  formatCommunity,
  formatLargeCommunity,
  parseCommunity,
  wellKnownCommunity,
  type ParsedCommunity,
} from './routing/communities.ts';
export { PrefixSet } from './routing/prefix-set.ts';
export { prefixKey, prefixViewOf, type PrefixKey, type PrefixView } from './routing/prefix-view.ts';
export { matchesPattern } from './routing/pattern.ts';
export { applyOperations, type PolicyDirection, type RouteOperation } from './routing/operations.ts';
export { elevatedPriority, isElevated, normalPriority, priorityOf } from './routing/priority.ts';
export {
  decidingRule,
  matchesRule,
  type Filter,
  type FilterRule,
  type FilterSubject,
  type FilterVerdict,
} from './routing/filter.ts';
export {
  decideAnnouncement,
  type AnnounceDecision,
  type AnnounceReason,
  type AnnounceRules,
} from './routing/announce-policy.ts';
export {
  checkExport,
  exportAttributes,
  plainTraits,
  planRewrite,
  traitsOf,
  type ExportProblem,
  type ExportTarget,
  type NextHopMode,
  type ExportTraits,
} from './routing/export.ts';
export { isLongLivedStale, markLongLived } from './routing/long-lived.ts';
export { receiveInRole } from './routing/roles.ts';
export { checkImport, checkPlainImport, type ImportProblem, type ImportTarget } from './routing/import.ts';
export { encodePeerIndexTable, encodeRibRecord, type MrtEntry, type MrtPeer } from './mrt/table-dump.ts';
export {
  encodeInitiation,
  encodeLocRibStatistics,
  encodeOneRoute,
  encodeOneWithdrawal,
  encodePeerDown,
  encodePeerUp,
  encodeRouteMonitoring,
  encodeStatistics,
  encodeTermination,
  locRibPeer,
  locRibUp,
  type BmpPeer,
  type BmpPeerUp,
  type BmpStatistics,
  type BmpView,
} from './bmp/messages.ts';
export {
  encodeMrtMessage,
  encodeMrtStateChange,
  familyOfUpdate,
  type MrtMessageForm,
  type MrtSession,
} from './mrt/messages.ts';

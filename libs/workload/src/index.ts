export {
  FelixConnection,
  FelixTimeout,
  waitForFelix,
  type EarlyWait,
  type EndpointWait,
  type FelixWait,
} from './felix/wait-for-endpoint.ts';
export {
  LibraryAddresses,
  ServiceAddresses,
  type Address,
  type AddressRequest,
  type Addresses,
  type AssignedTogether,
  type SpecificAddressRequest,
} from './addresses/addresses.ts';
export { goTimeString } from './addresses/go-time.ts';
export { interfacePrefix } from './interface-prefix.ts';
export { MachineAddresses, type Migration, type MigrationTarget } from './machines/machine-addresses.ts';
export { networkProfile } from './network-profile.ts';
export { attachedTo, type Target } from './standalone/endpoint.ts';
export { standaloneOrchestrator, type StandaloneId } from './standalone/identity.ts';
export {
  StandaloneWorkloads,
  type AddressWish,
  type StandaloneAttached,
  type StandaloneRequest,
} from './standalone/standalone-workloads.ts';
export {
  EndpointStore,
  type HeldAddress,
  type HeldByNetwork,
  type Premises,
  type Removal,
} from './store/endpoint-store.ts';
export {
  attachInterface,
  Wiring,
  type AddressSpec,
  type Attached,
  type AttachSpec,
  type NetworkSpec,
  type WiringSpec,
} from './wire/attach.ts';
export { detachInterface, type DetachSpec } from './wire/detach.ts';
export { ipv4Gateway, ipv6Gateway, type Families } from './wire/host-end.ts';
export { hasHostInterface, inspectInterface, type Inspection } from './wire/inspect.ts';
export { makeMovablePair, removeHostEnd, type MovablePair, type MovablePairSpec } from './wire/movable-pair.ts';
export { rehearseWiring } from './wire/rehearse.ts';
export { WireError, type WireErrorCode } from './wire/wire-error.ts';

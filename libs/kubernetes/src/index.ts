export {
  accessOfEnvironment,
  podAccountDir,
  readKubeconfig,
  resolveAccess,
  type Access,
  type AccessSettings,
} from './access.ts';
export { KubernetesClient, type Dated } from './client.ts';
export { followObjects, type FollowedObjects, type FollowOptions } from './follow-objects.ts';
export { isKubernetesError, KubernetesError, type KubernetesErrorCode } from './kubernetes-error.ts';
export { objectIn, objectsIn, textIn, type KubernetesObject } from './kubernetes-object.ts';
export { place } from './place.ts';
export { installKubeconfig, type Credentials, type ServiceAccountOptions } from './service-account.ts';
export { TokenRenewal } from './token-renewal.ts';

export {
  accessOfEnvironment,
  podAccountDir,
  readKubeconfig,
  resolveAccess,
  type Access,
  type AccessSettings,
} from './access.ts';
export { KubernetesClient } from './client.ts';
export { isKubernetesError, KubernetesError, type KubernetesErrorCode } from './kubernetes-error.ts';
export { place } from './place.ts';
export { installKubeconfig, type Credentials, type ServiceAccountOptions } from './service-account.ts';
export { TokenRenewal } from './token-renewal.ts';

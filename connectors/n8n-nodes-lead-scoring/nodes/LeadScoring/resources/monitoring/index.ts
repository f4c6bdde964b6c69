import type { Resource } from '../../request/operation';
import { getBusinessMetrics } from './getBusinessMetrics';
import { getDrift } from './getDrift';

export const monitoring: Resource = { value: 'monitoring', name: 'Monitoring', operations: [getBusinessMetrics, getDrift] };

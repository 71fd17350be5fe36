import { testScenes } from './random-scene/suite.ts';

testScenes('6.12');

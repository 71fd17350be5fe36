import { testScenes } from './random-scene/suite.ts';

testScenes('5.16+series');

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// The proxy in front of a vault is OpenZeppelin's, as it is: this file only has it compiled with the rest.
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Tokens that are not what ERC-20 promises. One base, and one contract for each kind of trouble.
abstract contract OddToken {
    string public name = "Odd";
    string public symbol = "ODD";
    uint8 public constant decimals = 18;
    uint256 public totalSupply;
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function mint(address to, uint256 amount) external {
        totalSupply += amount;
        balanceOf[to] += amount;
        emit Transfer(address(0), to, amount);
    }

    function spend(address from, uint256 amount) internal {
        allowance[from][msg.sender] -= amount;
    }

    function move(address from, address to, uint256 amount) internal virtual {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        emit Transfer(from, to, amount);
    }
}

/// Returns nothing from its writing functions, and changes an allowance only from or to zero, as USDT does.
contract SilentToken is OddToken {
    function approve(address spender, uint256 amount) external {
        require(amount == 0 || allowance[msg.sender][spender] == 0);
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        spend(from, amount);
        move(from, to, amount);
    }
}

abstract contract TalkingToken is OddToken {
    function approve(address spender, uint256 amount) external virtual returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external virtual returns (bool) {
        move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external virtual returns (bool) {
        spend(from, amount);
        move(from, to, amount);
        return true;
    }
}

/// Burns 1 % of each transfer.
contract FeeToken is TalkingToken {
    function move(address from, address to, uint256 amount) internal override {
        balanceOf[from] -= amount;
        balanceOf[to] += amount - amount / 100;
        totalSupply -= amount / 100;
        emit Transfer(from, to, amount);
    }
}

/// Says false instead of reverting when a balance is short.
contract FalseToken is TalkingToken {
    function transfer(address to, uint256 amount) external override returns (bool) {
        if (balanceOf[msg.sender] < amount) return false;
        move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external override returns (bool) {
        if (balanceOf[from] < amount || allowance[from][msg.sender] < amount) return false;
        spend(from, amount);
        move(from, to, amount);
        return true;
    }
}

/// Calls out on every transfer, as ERC-777 hooks do: to `target` with `payload`, both set by anyone.
contract HookToken is TalkingToken {
    address public target;
    bytes public payload;
    bool public mustSucceed;

    function setHook(address target_, bytes calldata payload_, bool mustSucceed_) external {
        target = target_;
        payload = payload_;
        mustSucceed = mustSucceed_;
    }

    function move(address from, address to, uint256 amount) internal override {
        super.move(from, to, amount);
        if (target == address(0)) return;
        (bool ok,) = target.call(payload);
        require(ok || !mustSucceed);
    }
}

/// Burns all the gas that it is given, once `armed`.
contract GasBurningToken is TalkingToken {
    bool public armed;

    function arm(bool armed_) external {
        armed = armed_;
    }

    function move(address from, address to, uint256 amount) internal override {
        if (armed) assembly { invalid() }
        super.move(from, to, amount);
    }
}

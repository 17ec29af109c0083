-- The platforms that a user made calls on.
SELECT DISTINCT platform FROM usage_user_1d WHERE user_id = $user ORDER BY platform
